//! The catalog's answers, compared with those of trees that are held in memory.

mod answers;
mod beside;
mod damage;
mod model;
mod naive;
mod random;
mod rows;
