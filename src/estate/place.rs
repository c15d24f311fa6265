//! Whether two things are in one place, and how far a text tells one thing from all others. Two places that are not
//! known are not the same, unless one provider of the code makes both.

/// How far a text that names something of a type tells it from everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Everywhere: an ARN, a symbol, an id that AWS made.
    Everywhere,
    /// In its partition: the name of a bucket. Where one name is there twice, there are several partitions.
    Partition,
    /// In its account: a name in IAM.
    Account,
    /// In its region of its account: any other name.
    Region,
}

/// Types whose ids AWS makes, by how their names begin.
const GIVEN: &[&str] = &["AWS::EC2::", "AWS::EFS::FileSystem", "AWS::KMS::Key", "AWS::Backup::BackupPlan"];
/// What of these is named by its owner all the same.
const NAMED: &[&str] = &["AWS::EC2::EBSEncryptionByDefault", "AWS::EC2::KeyPair", "AWS::EC2::Region"];

/// How far `text`, which names something of the type `kind`, tells it from everything else.
pub(crate) fn reach(kind: &str, text: &str) -> Reach {
    let given = || GIVEN.iter().any(|prefix| kind.starts_with(prefix)) && !NAMED.contains(&kind);
    // A key of several regions has one id in all of them.
    let shared = || text.starts_with("mrk-") || text.starts_with("alias/");
    if text.starts_with("${") || text.starts_with("arn:") || (given() && !shared()) {
        Reach::Everywhere
    } else if kind == "AWS::S3::Bucket" {
        Reach::Partition
    } else if kind.starts_with("AWS::IAM::") {
        Reach::Account
    } else {
        Reach::Region
    }
}

/// A place, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) account: Option<&'a str>,
    pub(crate) region: Option<&'a str>,
    /// Which provider of the code makes what is there: it has one account and one region.
    pub(crate) provider: Option<&'a str>,
}

impl Place<'_> {
    fn one_provider(&self, other: &Self) -> bool {
        self.provider.is_some() && self.provider == other.provider
    }

    /// Whether both are in one account; none where nobody knows.
    pub(crate) fn same_account(&self, other: &Self) -> Option<bool> {
        match (self.account, other.account) {
            (Some(a), Some(b)) => Some(a == b),
            _ => self.one_provider(other).then_some(true),
        }
    }

    /// Whether both are in one region; none where nobody knows.
    pub(crate) fn same_region(&self, other: &Self) -> Option<bool> {
        match (self.region, other.region) {
            (Some(a), Some(b)) => Some(a == b),
            (None, None) => self.one_provider(other).then_some(true),
            _ => None,
        }
    }

    /// Whether a text of that reach, said here, means what is there; none where nobody knows.
    pub(crate) fn means(&self, other: &Self, reach: Reach) -> Option<bool> {
        match reach {
            Reach::Everywhere => Some(true),
            Reach::Partition => Some(true),
            Reach::Account => self.same_account(other),
            Reach::Region => both(self.same_account(other), self.same_region(other)),
        }
    }
}

/// Whether both are so; none where nobody knows.
pub(crate) fn both(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, Reach, reach};

    fn place<'a>(account: &'a str, region: &'a str, provider: &'a str) -> Place<'a> {
        let known = |text: &'a str| Some(text).filter(|text| !text.is_empty());
        Place { account: known(account), region: known(region), provider: known(provider) }
    }

    #[test]
    fn two_unknown_places_are_one_only_of_one_provider() {
        let nowhere = place("", "", "");
        assert_eq!(nowhere.means(&nowhere, Reach::Region), None);
        assert_eq!(nowhere.means(&nowhere, Reach::Account), None);
        assert_eq!(place("", "", "aws").means(&place("", "", "aws"), Reach::Region), Some(true));
        assert_eq!(place("", "", "aws").means(&place("", "", "aws.dr"), Reach::Region), None);
        assert_eq!(place("", "eu-west-1", "aws").means(&place("", "eu-west-1", "aws.dr"), Reach::Region), None);
        assert_eq!(place("", "eu-west-1", "aws").means(&place("", "eu-west-1", "aws"), Reach::Region), Some(true));
        // A resource may have a region of its own.
        assert_eq!(place("", "eu-west-1", "aws").means(&place("", "", "aws"), Reach::Region), None);
        // One of both is enough to be elsewhere.
        assert_eq!(place("", "eu-west-1", "").means(&place("", "eu-west-2", ""), Reach::Region), Some(false));
        assert_eq!(place("1", "", "").means(&place("2", "", ""), Reach::Region), Some(false));
        assert_eq!(place("1", "eu-west-1", "").means(&place("1", "eu-west-1", "aws"), Reach::Region), Some(true));
        assert_eq!(place("1", "eu-west-1", "").means(&place("1", "eu-west-2", ""), Reach::Account), Some(true));
    }

    #[test]
    fn names_tell_less_than_ids() {
        for (kind, text, expected) in [
            ("AWS::RDS::DBCluster", "bookings", Reach::Region),
            ("AWS::RDS::DBCluster", "arn:aws:rds:eu-west-1:111111111111:cluster:bookings", Reach::Everywhere),
            ("AWS::RDS::DBCluster", "${aws_rds_cluster.c}", Reach::Everywhere),
            ("AWS::IAM::Role", "deploy", Reach::Account),
            ("AWS::S3::Bucket", "documents", Reach::Partition),
            ("AWS::EC2::VPC", "vpc-0a1b2c3d", Reach::Everywhere),
            ("AWS::EC2::KeyPair", "deploy", Reach::Region),
            ("AWS::KMS::Key", "1234abcd-12ab-34cd-56ef-1234567890ab", Reach::Everywhere),
            ("AWS::KMS::Key", "mrk-1234abcd12ab34cd56ef1234567890ab", Reach::Region),
            ("AWS::KMS::Key", "alias/app", Reach::Region),
        ] {
            assert_eq!(reach(kind, text), expected, "{kind} {text}");
        }
    }
}
