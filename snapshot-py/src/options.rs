//! Options that runs have in common.

use std::fs;

use hardsnap::{ByteSize, Filter, MinFree, Pruning, SampleSize, VerifyContent};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyString};

use crate::argument::{FsPaths, Texts};
use crate::error::{Failure, raised};
use crate::policy::RetentionPolicy;

/// What of the sources is taken.
pub(crate) struct Filters<'py> {
    pub(crate) exclude: Option<Texts>,
    pub(crate) include: Option<Texts>,
    pub(crate) exclude_from: Option<FsPaths>,
    pub(crate) exclude_if_present: Option<Texts>,
    pub(crate) exclude_caches: bool,
    pub(crate) exclude_nodump: bool,
    pub(crate) exclude_larger_than: Option<Bound<'py, PyAny>>,
}

impl Filters<'_> {
    /// Puts the filter together: of patterns, first those of files, then those
    /// of `exclude`, then those of `include`.
    pub(crate) fn build(self, py: Python<'_>) -> PyResult<Filter> {
        let mut filter = Filter::builder();
        for path in self.exclude_from.map(|paths| paths.0).unwrap_or_default() {
            let text = py.detach(|| fs::read(&path));
            let text = text.map_err(|error| raised(Failure::Unreadable(path.clone(), error)))?;
            filter = filter.patterns_from(path, text);
        }
        for pattern in texts(self.exclude) {
            filter = filter.exclude(&pattern);
        }
        for pattern in texts(self.include) {
            filter = filter.include(&pattern);
        }
        for name in texts(self.exclude_if_present) {
            filter = filter.exclude_if_present(&name);
        }
        if self.exclude_caches {
            filter = filter.exclude_caches();
        }
        if self.exclude_nodump {
            filter = filter.exclude_nodump();
        }
        if let Some(limit) = self.exclude_larger_than {
            filter = filter.exclude_larger_than(size("exclude_larger_than", &limit)?);
        }
        filter.build().map_err(raised)
    }
}

fn texts(texts: Option<Texts>) -> Vec<String> {
    texts.map(|texts| texts.0).unwrap_or_default()
}

/// A number of bytes, or a text such as `50G` or `10%`.
pub(crate) fn min_free(object: &Bound<'_, PyAny>) -> PyResult<MinFree> {
    if let Ok(text) = object.cast::<PyString>() {
        return text.to_str()?.parse::<MinFree>().map_err(raised);
    }
    let bytes = size("min_free", object)?.bytes().to_string();
    bytes.parse::<MinFree>().map_err(raised)
}

/// A number of bytes, or a text such as `1.5G`.
fn size(name: &str, object: &Bound<'_, PyAny>) -> PyResult<ByteSize> {
    if let Ok(text) = object.cast::<PyString>() {
        return text.to_str()?.parse::<ByteSize>().map_err(raised);
    }
    if object.is_instance_of::<PyBool>() {
        return Err(PyTypeError::new_err(format!(
            "{name} has to be int or str, not bool"
        )));
    }
    object.extract().map(ByteSize::from_bytes)
}

/// Which files a verification reads: by a word, or a part of all of them in
/// percent.
pub(crate) fn content(word: &str, sample: Option<&Bound<'_, PyAny>>) -> PyResult<VerifyContent> {
    let content = match word {
        "unread" => VerifyContent::Unread,
        "since-last" => VerifyContent::SinceLast,
        "full" => VerifyContent::Full,
        other => {
            return Err(PyValueError::new_err(format!(
                "content has to be 'unread', 'since-last' or 'full', not {other:?}"
            )));
        }
    };
    let Some(sample) = sample else {
        return Ok(content);
    };
    if content != VerifyContent::Unread {
        let message = format!("either content={word:?} or sample can be given");
        return Err(PyValueError::new_err(message));
    }
    let size = match sample.cast::<PyString>() {
        Ok(text) => {
            let size = text.to_str()?.parse::<SampleSize>();
            size.map_err(|error| PyValueError::new_err(error.to_string()))?
        }
        Err(_) => {
            let percent: f64 = sample.extract()?;
            SampleSize::percent(percent).ok_or_else(|| {
                PyValueError::new_err(format!("{percent} percent is no part of all files"))
            })?
        }
    };
    Ok(VerifyContent::Sample(size))
}

/// What happens to expired snapshots: a bool, or the policy that decides.
pub(crate) fn pruning(prune: Option<&Bound<'_, PyAny>>) -> PyResult<Pruning> {
    let Some(prune) = prune else {
        return Ok(Pruning::ByStore);
    };
    if let Ok(policy) = prune.cast::<RetentionPolicy>() {
        return Ok(Pruning::By(policy.get().0.clone()));
    }
    match prune.cast::<PyBool>() {
        Ok(wanted) if wanted.is_true() => Ok(Pruning::ByStore),
        Ok(_) => Ok(Pruning::Off),
        Err(_) => Err(PyTypeError::new_err(format!(
            "prune has to be bool or RetentionPolicy, not {}",
            prune.get_type().name()?
        ))),
    }
}
