//! The partitions of AWS, which no ARN and no key crosses: the one table of them. A test compares it with
//! that of botocore.

/// A partition: regions with an identity and a domain of their own.
#[derive(Debug, PartialEq, Eq)]
pub struct Partition {
    /// As ARNs name it: `aws`, `aws-cn`.
    pub id: &'static str,
    /// The domain of its endpoints: `amazonaws.com`.
    pub dns_suffix: &'static str,
    /// The region in which services without regions are asked.
    pub home: &'static str,
    /// What the names of its regions begin with; a word and a number follow: `eu-central-1`.
    starts: &'static [&'static str],
    /// Its regions, as far as they are known. AWS opens new ones, which their names tell.
    pub regions: &'static [&'static str],
}

/// Stands for a partition that nobody knows of: no ARN of AWS has it, so that nothing is joined by it.
pub const UNKNOWN_PARTITION: &str = "aws-unknown";

/// All of them, by id.
pub const PARTITIONS: &[Partition] = &[
    Partition {
        id: "aws",
        dns_suffix: "amazonaws.com",
        home: "us-east-1",
        starts: &["af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us"],
        regions: &[
            "af-south-1",
            "ap-east-1",
            "ap-east-2",
            "ap-northeast-1",
            "ap-northeast-2",
            "ap-northeast-3",
            "ap-south-1",
            "ap-south-2",
            "ap-southeast-1",
            "ap-southeast-2",
            "ap-southeast-3",
            "ap-southeast-4",
            "ap-southeast-5",
            "ap-southeast-6",
            "ap-southeast-7",
            "ca-central-1",
            "ca-west-1",
            "eu-central-1",
            "eu-central-2",
            "eu-north-1",
            "eu-south-1",
            "eu-south-2",
            "eu-west-1",
            "eu-west-2",
            "eu-west-3",
            "il-central-1",
            "me-central-1",
            "me-south-1",
            "mx-central-1",
            "sa-east-1",
            "us-east-1",
            "us-east-2",
            "us-west-1",
            "us-west-2",
        ],
    },
    Partition {
        id: "aws-cn",
        dns_suffix: "amazonaws.com.cn",
        home: "cn-northwest-1",
        starts: &["cn"],
        regions: &["cn-north-1", "cn-northwest-1"],
    },
    Partition { id: "aws-eusc", dns_suffix: "amazonaws.eu", home: "eusc-de-east-1", starts: &["eusc-de"], regions: &["eusc-de-east-1"] },
    Partition {
        id: "aws-iso",
        dns_suffix: "c2s.ic.gov",
        home: "us-iso-east-1",
        starts: &["us-iso"],
        regions: &["us-iso-east-1", "us-iso-west-1"],
    },
    Partition {
        id: "aws-iso-b",
        dns_suffix: "sc2s.sgov.gov",
        home: "us-isob-east-1",
        starts: &["us-isob"],
        regions: &["us-isob-east-1", "us-isob-west-1"],
    },
    Partition { id: "aws-iso-e", dns_suffix: "cloud.adc-e.uk", home: "eu-isoe-west-1", starts: &["eu-isoe"], regions: &["eu-isoe-west-1"] },
    Partition {
        id: "aws-iso-f",
        dns_suffix: "csp.hci.ic.gov",
        home: "us-isof-south-1",
        starts: &["us-isof"],
        regions: &["us-isof-east-1", "us-isof-south-1"],
    },
    Partition {
        id: "aws-us-gov",
        dns_suffix: "amazonaws.com",
        home: "us-gov-west-1",
        starts: &["us-gov"],
        regions: &["us-gov-east-1", "us-gov-west-1"],
    },
];

impl Partition {
    /// The partition of a region, which its name tells; none for what is no name of a region, and for
    /// partitions that are newer than this table.
    pub fn of_region(region: &str) -> Option<&'static Self> {
        let (rest, number) = region.rsplit_once('-')?;
        let (start, word) = rest.rsplit_once('-')?;
        let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let is_word = !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_number || !is_word {
            return None;
        }
        PARTITIONS.iter().find(|partition| partition.starts.contains(&start))
    }

    /// The partition of that id.
    pub fn of_id(id: &str) -> Option<&'static Self> {
        PARTITIONS.iter().find(|partition| partition.id == id)
    }
}

/// The id of the partition of a region, for ARNs that are made by AWS's rules.
pub fn partition_of(region: &str) -> &'static str {
    Partition::of_region(region).map_or(UNKNOWN_PARTITION, |partition| partition.id)
}

#[cfg(test)]
mod tests {
    use super::{PARTITIONS, Partition, partition_of};

    #[test]
    fn every_region_is_of_its_partition_only() {
        for partition in PARTITIONS {
            assert!(partition.regions.contains(&partition.home), "{}", partition.id);
            for region in partition.regions {
                assert_eq!(Partition::of_region(region), Some(partition), "{region}");
            }
        }
    }

    #[test]
    fn new_regions_are_known_by_their_names_and_other_words_are_none() {
        assert_eq!(partition_of("eu-central-9"), "aws");
        assert_eq!(partition_of("eusc-de-west-2"), "aws-eusc");
        for text in ["", "global", "*", "unknown", "eu-central", "eu-central-1a", "eusc-fr-east-1", "xx-north-1"] {
            assert_eq!(Partition::of_region(text), None, "{text}");
        }
    }
}
