//! What each interface has for itself.

use crate::host::interface::IfIndex;

/// Values of interfaces, by their numbers.
#[derive(Clone, Debug)]
pub(super) struct Columns<T>(Vec<(IfIndex, T)>);

impl<T> Default for Columns<T> {
    fn default() -> Columns<T> {
        Columns(Vec::new())
    }
}

impl<T> Columns<T> {
    /// A new interface's number is higher than those of all others.
    pub fn add(&mut self, index: IfIndex, values: T) {
        self.0.push((index, values));
    }

    pub fn remove(&mut self, index: IfIndex) {
        self.0.retain(|(known, _)| *known != index);
    }

    /// Where an interface stands: at its number, unless others have gone.
    fn place(&self, index: IfIndex) -> Option<usize> {
        let guess = (index.0 as usize).checked_sub(1)?;
        match self.0.get(guess) {
            Some((known, _)) if *known == index => Some(guess),
            _ => self.0.binary_search_by_key(&index, |(known, _)| *known).ok(),
        }
    }

    pub fn get(&self, index: IfIndex) -> Option<&T> {
        Some(&self.0[self.place(index)?].1)
    }

    pub fn get_mut(&mut self, index: IfIndex) -> Option<&mut T> {
        let place = self.place(index)?;
        Some(&mut self.0[place].1)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().map(|(_, values)| values)
    }
}
