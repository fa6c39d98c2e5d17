//! Counters with the names under which `nstat` shows them.

/// Makes a struct of counters, and a way to go through them.
macro_rules! counters {
    ($(#[doc = $about:literal])* $counters:ident { $($(#[doc = $doc:literal])* $field:ident => $name:literal,)* }) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, Default)]
        pub struct $counters {
            $($(#[doc = $doc])* pub $field: u64,)*
        }

        impl $counters {
            /// All counters with their names, in the kernel's order.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$(($name, self.$field),)*].into_iter()
            }
        }
    };
}

pub(super) use counters;
