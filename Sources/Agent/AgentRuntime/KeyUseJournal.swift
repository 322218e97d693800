// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import FailurePoints
internal import Foundation
internal import KeyManagement
internal import Logging
internal import Secrets
internal import Synchronization

/// The uses of KMS keys that the coordinator has not taken yet, on this node's disk: a process that ends right after a
/// call, because the key was revoked, leaves it to the next one.
final class KeyUseJournal: Sendable {
  /// The file's name in the data directory.
  static let fileName = "kms-uses.json"
  /// The longest file that is read, in bytes: `KeyUseQueue.maximumUses` of the longest uses.
  static let maximumLength = 8 << 20

  private let queue: Mutex<KeyUseQueue>
  /// What is on disk. Held while it is written, for as long as the disk takes, so that no older state overtakes a newer
  /// one; the queue is not.
  private let written: Mutex<KeyUseQueue?>
  private let path: String
  private let logger: Logger

  /// Reads what an earlier life left. A file that can't be read says so in the log; what it held is lost.
  init(directory: String, boot: BootID, logger: Logger) {
    path = directory + "/" + Self.fileName
    self.logger = logger
    var found = KeyUseQueue(boot: boot)
    if DurableFile.exists(path) {
      do {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        guard bytes.count <= Self.maximumLength else { throw CocoaError(.fileReadTooLarge) }
        found = try JSONDecoder().decode(KeyUseQueue.self, from: bytes)
        found.begin(boot: boot)
      } catch {
        logger.error("uses of KMS keys can't be read", metadata: ["file": "\(path)", "reason": "\(error)"])
      }
    }
    queue = Mutex(found)
    written = Mutex(nil)
  }

  /// A request went to the KMS; it is on disk before its answer is acted on.
  func note(_ record: KMSCallRecord) {
    queue.withLock { $0.note(KeyUse(record)) }
    keep()
    FailurePoint.reach("kms-uses.noted")
  }

  /// The coordinator has these. Until `keep` has returned, a restart sends them again.
  func onTaken(_ mark: KeyUseMark) { queue.withLock { queue in _ = queue.onTaken(mark) } }

  func onLink() { queue.withLock { $0.onLink() } }

  func due(now: Milliseconds) -> KeyUseReport? { queue.withLock { $0.due(now: now) } }

  /// Writes what has changed. A disk that takes nothing costs what is not reported before the process ends, and never
  /// the call.
  func keep() {
    written.withLock { written in
      let queue = queue.withLock { $0 }
      guard queue != written else { return }
      do {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        try DurableFile.replace(path, with: [UInt8](encoder.encode(queue)))
        written = queue
      } catch { logger.error("a use of a KMS key was not kept", metadata: ["reason": "\(error)"]) }
    }
  }
}
