// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Foundation
internal import Logging
internal import Secrets

/// What this node was told last of where the coordinator's audit record ends; a file of its own, so that a coordinator
/// whose record was rewritten is found out also after both have started anew.
struct AuditMemo: Sendable {
  /// The file's name in the data directory.
  static let fileName = "audit-head.json"
  /// The longest file that is read, in bytes.
  static let maximumLength = 4096

  private(set) var head: AuditHead
  private let path: String

  /// Reads what was kept. A file that can't be read says so in the log and counts as nothing told: the record is the
  /// coordinator's, and other nodes have theirs.
  init(directory: String, logger: Logger) {
    path = directory + "/" + Self.fileName
    head = .empty
    guard DurableFile.exists(path) else { return }
    do {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
      guard bytes.count <= Self.maximumLength else { throw CocoaError(.fileReadTooLarge) }
      head = try JSONDecoder().decode(AuditHead.self, from: bytes)
    } catch {
      logger.error("the audit memo can't be read", metadata: ["file": "\(path)", "reason": "\(error)"])
    }
  }

  /// Takes a later head, or one in place of what is named; anything else is refused with false.
  mutating func take(_ new: AuditHead, replacing: AuditHead?) throws -> Bool {
    guard new != head else { return true }
    guard new.sequence > head.sequence || replacing == head else { return false }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    try DurableFile.replace(path, with: [UInt8](encoder.encode(new)))
    head = new
    return true
  }
}
