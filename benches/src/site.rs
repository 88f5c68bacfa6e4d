//! Where source and destination lie: on images in memory, or in a folder.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::args::Args;
use crate::error::{At, Result};
use crate::image::{self, Image, Room};
use crate::tree::TreeShape;

/// A new directory's size on ext4, and some for one that grows.
const DIRECTORY_BYTES: u64 = 2 * 4096;
const BLOCK_BYTES: u64 = 4096;
/// What a name takes in its directory, half of it free.
const NAME_BYTES: u64 = 64;
/// What the catalog takes a file, with its journal.
const CATALOG_BYTES: u64 = 450;

/// Keeps the places; takes them away when dropped.
#[derive(Debug)]
pub(crate) struct Site {
    source: PathBuf,
    destination: PathBuf,
    description: String,
    // The order matters: the mounts go before the folder that they are in.
    _images: Vec<Image>,
    _folder: TempDir,
}

impl Site {
    /// Returns the directory for the source tree.
    pub(crate) fn source(&self) -> &Path {
        &self.source
    }

    /// Returns the directory for all that is made from it.
    pub(crate) fn destination(&self) -> &Path {
        &self.destination
    }

    /// Says in a few words what the places are.
    pub(crate) fn description(&self) -> &str {
        &self.description
    }

    fn images(args: &Args, needs: &Needs) -> Result<Self> {
        let (source_room, destination_room) = needs.rooms();
        let rooms = if args.one_image {
            vec![("disk", source_room.plus(destination_room))]
        } else {
            vec![("source", source_room), ("destination", destination_room)]
        };
        image::check_memory(&rooms.iter().map(|(_, room)| *room).collect::<Vec<_>>())?;
        let folder = new_folder(Path::new(image::MEMORY))?;
        let images = rooms
            .into_iter()
            .map(|(name, room)| Image::mount(folder.path(), name, room))
            .collect::<Result<Vec<_>>>()?;
        let on_image = |index: usize| images[index.min(images.len() - 1)].path().to_owned();
        let description = if args.one_image {
            "source and destination on one ext4 image in memory"
        } else {
            "source and destination on two ext4 images in memory"
        };
        Ok(Self {
            source: on_image(0),
            destination: on_image(1),
            description: description.to_owned(),
            _images: images,
            _folder: folder,
        })
    }

    fn folder(above: &Path) -> Result<Self> {
        let above = above.canonicalize().at("find", above)?;
        let folder = new_folder(&above)?;
        Ok(Self {
            source: folder.path().to_owned(),
            destination: folder.path().to_owned(),
            description: format!(
                "source and destination in a folder below {}",
                above.display()
            ),
            _images: Vec::new(),
            _folder: folder,
        })
    }
}

/// Moves this program into its own mount namespace if images can be used.
///
/// Returns why they cannot be, or `None` if they can.
pub(crate) fn obstacle_to_images(args: &Args) -> Option<String> {
    if args.in_private_mounts {
        None
    } else if args.dir.is_some() {
        Some("--dir was given".to_owned())
    } else if rustix::process::geteuid().is_root() {
        image::enter_private_mounts("--in-private-mounts")
            .err()
            .map(|error| error.chain())
    } else {
        Some("only root can mount ext4 images".to_owned())
    }
}

/// Makes the places: images, or a folder where there is an obstacle.
///
/// # Errors
///
/// Fails where neither can be made.
pub(crate) fn make(args: &Args, needs: &Needs, obstacle: Option<&str>) -> Result<Site> {
    let obstacle = match obstacle {
        Some(obstacle) => obstacle.to_owned(),
        None => match Site::images(args, needs) {
            Ok(site) => return Ok(site),
            Err(error) => error.chain(),
        },
    };
    let above = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let site = Site::folder(&above)?;
    eprintln!(
        "note: {} ({obstacle}); disks are noisy, so trust the ratios less",
        site.description()
    );
    Ok(site)
}

fn new_folder(above: &Path) -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix("hardsnap-bench-")
        .tempdir_in(above)
        .at("make a folder in", above)
}

/// What there must be room for.
#[derive(Debug, Clone)]
pub(crate) struct Needs {
    /// The trees that are copied.
    pub(crate) shapes: Vec<TreeShape>,
    /// How many copies of each there are at a time.
    pub(crate) copies: u64,
    /// How many trees of links to each.
    pub(crate) trees: u64,
    /// How many days pass on which files change.
    pub(crate) days: u64,
}

impl Needs {
    /// Returns the room for the source, and for all that is made from it.
    fn rooms(&self) -> (Room, Room) {
        let (mut source, mut destination) = (Room::default(), Room::default());
        for shape in &self.shapes {
            let directories = shape.directories as u64 + 1;
            let files = shape.files as u64;
            let tree = Room {
                bytes: directories * DIRECTORY_BYTES + files * NAME_BYTES,
                // Each directory may hold a symlink.
                inodes: 2 * directories,
            };
            let blocks = if shape.bytes > 0 {
                files * BLOCK_BYTES
            } else {
                0
            };
            let copy = tree.plus(Room {
                bytes: shape.bytes + blocks,
                inodes: files,
            });
            // A file in a hundred changes, and one in a thousand is new.
            let day = Room {
                bytes: copy.bytes / 80,
                inodes: copy.inodes / 80,
            };
            let catalog = Room {
                bytes: files * CATALOG_BYTES,
                inodes: 0,
            };
            source = source.plus(copy).plus(day.times(self.days));
            destination = destination
                .plus(copy.times(self.copies))
                .plus(tree.times(self.trees))
                .plus(day.times(2 * self.days))
                .plus(catalog);
        }
        (source, destination)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn needs(args: &Args) -> Needs {
        Needs {
            shapes: vec![args.shape()],
            copies: 2,
            trees: 5,
            days: 5,
        }
    }

    #[test]
    fn a_folder_is_taken_away_with_all_that_is_in_it() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().to_str().unwrap();
        let args = Args::parse_from(["against_peers", "--dir", dir]);
        let obstacle = obstacle_to_images(&args);
        assert!(obstacle.is_some());
        let needs = needs(&args);
        let site = make(&args, &needs, obstacle.as_deref()).unwrap();
        let root = site.source().join("tree");
        args.shape().make(&root).unwrap();
        assert!(root.exists() && root.starts_with(temp.path().canonicalize().unwrap()));
        drop(site);
        assert_eq!(temp.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn the_destination_has_room_for_two_trees() {
        let args = Args::parse_from(["against_peers", "--bench"]);
        let (source, destination) = needs(&args).rooms();
        assert!(source.bytes > 825_000_000);
        assert!(destination.bytes > 2 * source.bytes);
        assert!(destination.inodes > 2 * source.inodes);
    }
}
