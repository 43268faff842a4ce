mod peering;
mod serving;
mod syncing;
mod world;
