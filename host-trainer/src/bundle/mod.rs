//! Update bundles and the keys that sign them, on the host. The format and the trust in it are `skueye-update`'s; here files
//! become a bundle.

mod keys;
mod make;

pub use keys::{Passphrase, SecretKey, new_key, public_key, sign_file};
pub use make::{BundleRequest, Made, make, sign};
