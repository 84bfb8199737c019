//! Counterparts that tests need outside of this process, as environment variables name them.

use libtest_mimic::Trial;

/// A variable without which some tests are ignored.
pub(crate) struct Switch {
    /// Its name.
    pub(crate) variable: &'static str,
    /// Counterpart that it names, as the message of a missing variable says it.
    pub(crate) names: &'static str,
}

impl Switch {
    /// Value of the variable.
    pub(crate) fn value(&self) -> Option<String> {
        std::env::var(self.variable).ok().filter(|value| !value.is_empty())
    }

    /// The same, for a test that is not run without it.
    pub(crate) fn needed(&self) -> String {
        self.value().unwrap_or_else(|| panic!("set {} to {}", self.variable, self.names))
    }

    /// A test, ignored where one of the variables is not set.
    pub(crate) fn trial<F>(all: &[&Self], name: &str, test: impl FnOnce() -> F + Send + 'static) -> Trial
    where
        F: Future<Output = ()>,
    {
        let run = move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            runtime.block_on(test());
            Ok(())
        };
        Trial::test(name, run).with_ignored_flag(all.iter().any(|switch| switch.value().is_none()))
    }
}

/// The tests of a module, by the names of their functions.
macro_rules! trials {
    ($switches:expr, $module:ident: $($test:ident)*) => {
        vec![$(crate::switch::Switch::trial(
            $switches,
            concat!(module_path!(), "::", stringify!($module), "::", stringify!($test)),
            $module::$test,
        )),*]
    };
}

pub(crate) use trials;
