// SPDX-License-Identifier: GPL-3.0-or-later
internal import Glibc
public import Logging

/// How many files and connections a process may have open: the system's soft limit, 1,024 as a rule, is less than what
/// our own limits promise.
public struct OpenFileLimit: Sendable, Equatable {
  /// What an agent needs: 1,000 connections of drivers, files of as many collections, the journal, links to members,
  /// copies and calls to the KMS.
  public static let agent: UInt64 = 4_096
  /// What a coordinator needs: a connection of each of 1,000 nodes and of operators, calls to KMS and mail servers, and
  /// its store.
  public static let coordinator: UInt64 = 2_048
  /// What the local KMS needs: 256 connections to its port, as many for metadata and operators, and its files.
  public static let localKMS: UInt64 = 1_024

  /// What the process may open now.
  public var soft: UInt64
  /// What it may give itself.
  public var hard: UInt64

  /// The limits of this process, nil if the system does not tell.
  public static var current: OpenFileLimit? {
    var limit = rlimit()
    guard unsafe getrlimit(resource, &limit) == 0 else { return nil }
    return OpenFileLimit(soft: UInt64(limit.rlim_cur), hard: UInt64(limit.rlim_max))
  }

  /// Raises the soft limit to the hard one, and warns if that is below `needed`. To be called once, at the start.
  public static func raise(toHold needed: UInt64, logger: Logger) {
    if let limit = current, limit.soft < limit.hard {
      var raised = rlimit(rlim_cur: rlim_t(limit.hard), rlim_max: rlim_t(limit.hard))
      _ = unsafe setrlimit(resource, &raised)
    }
    guard let limit = current, let warning = limit.warning(needed: needed) else { return }
    logger.warning("too few files may be open", metadata: ["reason": "\(warning)"])
  }

  /// What is wrong with the limit for a daemon that needs `needed` files, nil if nothing is.
  func warning(needed: UInt64) -> String? {
    guard soft < needed else { return nil }
    return "\(soft) files and connections may be open, \(needed) may be needed: connections will be refused before "
      + "their documented limits; raise LimitNOFILE (systemd) or 'ulimit -Hn'"
  }

  private static var resource: __rlimit_resource_t { __rlimit_resource_t(RLIMIT_NOFILE.rawValue) }
}
