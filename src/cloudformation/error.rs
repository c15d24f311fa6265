//! What can be wrong with a template or with what is given for it.

use std::fmt;

/// Where a mistake is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Name of the file, as the caller gave it.
    pub file: String,
    /// Line and column, both from 1, where they are known.
    pub at: Option<(usize, usize)>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some((line, column)) => write!(f, "{}:{line}:{column}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

/// Why a template cannot be read: always something in the file or in what is given for it, and so for
/// the user to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// The file holds something else.
    #[error("{place}: not a CloudFormation template: {problem}; {remedy}")]
    NotATemplate {
        /// Where.
        place: Place,
        /// What is there instead.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// The JSON ends too early.
    #[error("{place}: the JSON ends before it is complete; the file is cut off: fetch or write it again")]
    CutOff {
        /// Where it ends.
        place: Place,
    },
    /// Neither JSON nor YAML.
    #[error("{place}: {problem}; {remedy}")]
    Unreadable {
        /// Where.
        place: Place,
        /// What the reader says.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// A key stands twice in a map.
    #[error("{place}: {problem}; remove one of the two")]
    DuplicateKey {
        /// Where the second one is, or the map.
        place: Place,
        /// Which.
        problem: String,
    },
    /// Larger, deeper or more repetitive than is read.
    #[error("{place}: {problem}; {remedy}")]
    TooLarge {
        /// Where.
        place: Place,
        /// Of what there is too much.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// A function or attribute names something that the template does not have.
    #[error("{place}: {problem}; {remedy}")]
    UnknownName {
        /// Where.
        place: Place,
        /// What names what.
        problem: String,
        /// The name that was probably meant, or what to do.
        remedy: String,
    },
    /// A section, resource or function is not built as it must be.
    #[error("{place}: {problem}; {remedy}")]
    WrongShape {
        /// Where.
        place: Place,
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// A condition depends on itself.
    #[error("{place}: the condition depends on itself: {path}; let one of them stand on its own")]
    CircularCondition {
        /// Where one of them is.
        place: Place,
        /// `A -> B -> A`.
        path: String,
    },
    /// A value is given for a parameter that the template does not declare.
    #[error("{place}: the template declares no parameter `{name}`, but a value is given for it; {remedy}")]
    UndeclaredParameter {
        /// The file.
        place: Place,
        /// Name of the parameter.
        name: String,
        /// The name that was probably meant, or what to do.
        remedy: String,
    },
    /// The value of a parameter, given or by default, is not one it may have.
    #[error("{place}: {problem}; {remedy}")]
    BadParameter {
        /// Where the parameter is declared.
        place: Place,
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: String,
    },
}
