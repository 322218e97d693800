// SPDX-License-Identifier: GPL-3.0-or-later
internal import Synchronization

/// Which CURVE keys are let in, and as whom; replaceable while connections are open.
///
/// It is asked at every handshake and again at every message, both ways: a key that is taken off is cut off at once.
public final class AllowList: Sendable {
  /// What the list says of a key.
  public enum Standing: Sendable, Equatable {
    /// Enrolled as this peer.
    case known(PeerIdentity)
    /// Taken away on purpose; its owner should know.
    case revoked
    /// Never enrolled, or not yet.
    case unknown
  }

  private struct Entries: Sendable {
    var peers: [CurvePublicKey: PeerIdentity]
    var revoked: Set<CurvePublicKey>
  }

  private let entries: Mutex<Entries>

  /// Makes a list; a key that is both enrolled and revoked counts as revoked.
  public init(_ peers: [CurvePublicKey: PeerIdentity] = [:], revoked: Set<CurvePublicKey> = []) {
    entries = Mutex(Entries(peers: peers, revoked: revoked))
  }

  /// Replaces the whole list.
  public func replace(_ peers: [CurvePublicKey: PeerIdentity], revoked: Set<CurvePublicKey>) {
    entries.withLock { $0 = Entries(peers: peers, revoked: revoked) }
  }

  /// Enrols a key as a peer; lifts an earlier revocation.
  public func admit(_ key: CurvePublicKey, as peer: PeerIdentity) {
    entries.withLock { entries in
      entries.peers[key] = peer
      entries.revoked.remove(key)
    }
  }

  /// Takes a key away and remembers that it was.
  public func revoke(_ key: CurvePublicKey) {
    entries.withLock { entries in
      entries.peers[key] = nil
      entries.revoked.insert(key)
    }
  }

  /// What the list says of a key now.
  public func standing(of key: CurvePublicKey) -> Standing {
    entries.withLock { entries in
      if entries.revoked.contains(key) { return .revoked }
      return entries.peers[key].map(Standing.known) ?? .unknown
    }
  }
}
