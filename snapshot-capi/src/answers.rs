//! Answers of which there may be many: one is lent after the other.

use crate::error::Failure;

/// Answers that are asked for one by one.
pub(crate) struct Answers<I, T> {
    rest: I,
    /// The one that is lent.
    lent: Option<T>,
}

impl<I, A, T> Answers<I, T>
where
    I: Iterator<Item = engine::Result<A>>,
    T: From<A>,
{
    pub(crate) fn new(rest: I) -> Answers<I, T> {
        Answers { rest, lent: None }
    }

    /// Goes on to the next one; none if there is no more.
    pub(crate) fn next(&mut self) -> Result<Option<&T>, Failure> {
        self.lent = None;
        self.lent = self.rest.next().transpose()?.map(T::from);
        Ok(self.lent.as_ref())
    }
}
