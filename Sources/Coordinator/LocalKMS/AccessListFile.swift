// SPDX-License-Identifier: GPL-3.0-or-later

internal import ClusterModel
internal import Foundation
internal import Glibc
internal import Logging
internal import Synchronization

/// The addresses that may use keys, from a file that `keyfold iplist export --format json` writes, with `--watch` or
/// without; read again whenever it changes.
///
/// A file that can't be read, or says nothing whole, changes nothing: it may be about to be written.
final class AccessListFile: Sendable {
  /// The largest file; one that grows by a line at each change has room for years.
  static let maximumBytes = 64 << 20

  private struct Stamp: Equatable {
    var modified: Int
    var modifiedNanoseconds: Int
    var size: Int
    var file: UInt64
  }

  private struct State {
    var stamp: Stamp?
    var ranges: [IPRange]
  }

  private let path: String
  private let logger: Logger
  private let state: Mutex<State>

  /// Reads the file; throws `settings` if it holds no list.
  init(_ path: String, logger: Logger) throws(LocalKMSError) {
    let stamp = Self.stamp(of: path)
    guard let ranges = Self.read(path) else {
      throw LocalKMSError(
        .settings,
        "the access list \(path) can't be read; write it with: keyfold iplist export --format json >FILE")
    }
    self.path = path
    self.logger = logger
    state = Mutex(State(stamp: stamp, ranges: ranges))
  }

  /// Whether an address may use keys now. Nobody is let in unasked, not even this machine: a cloud would not either.
  func admits(_ address: String) -> Bool {
    let stamp = Self.stamp(of: path)
    return state.withLock { state in
      if let stamp, stamp != state.stamp {
        state.stamp = stamp
        if let ranges = Self.read(path) {
          state.ranges = ranges
          logger.notice("the access list was read again", metadata: ["ranges": "\(ranges.count)"])
        } else {
          logger.warning("the access list holds nothing whole; the one before stays", metadata: ["file": "\(path)"])
        }
      }
      guard let known = IPAddress(address) else { return false }
      return state.ranges.contains { $0.contains(known) }
    }
  }

  private static func stamp(of path: String) -> Stamp? {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return nil }
    return Stamp(
      modified: status.st_mtim.tv_sec, modifiedNanoseconds: status.st_mtim.tv_nsec, size: Int(status.st_size),
      file: UInt64(status.st_ino))
  }

  private static func read(_ path: String) -> [IPRange]? {
    guard let stamp = stamp(of: path), stamp.size <= maximumBytes,
      let bytes = FileManager.default.contents(atPath: path)
    else { return nil }
    return IPListExport.Document.newest(in: Array(bytes))?.allow
  }
}

extension Dialect {
  /// A key policy's refusal of the caller's address, in the cloud's own words; nil where addresses are not asked for:
  /// tokens are given to everybody.
  func refusal(of address: String) -> KMSFault? {
    switch self {
    case .aws:
      KMSFault(
        "AccessDeniedException",
        "User is not authorized to perform this action on this resource with an explicit deny in a resource-based "
          + "policy")
    case .azure, .google: perimeter(address)
    case .sts, .entra, .googleToken, .metadata: nil
    }
  }
}
