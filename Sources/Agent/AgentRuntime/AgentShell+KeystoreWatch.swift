// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import Glibc
internal import KeyHierarchy
internal import Logging
internal import Replication
internal import Sealing

/// The keystore's file as it was seen last: looked at in full only when the file system says that it changed.
struct KeystoreWatch {
  /// What tells one file from another that took its place, or from itself after a write.
  struct Mark: Equatable {
    var inode: UInt64
    var size: Int64
    var seconds: Int
    var nanoseconds: Int
  }

  /// The mark of the file that was found to be the keystore in memory.
  var sound: Mark?
  /// The mark of a file that was something else, when it was looked at first.
  var doubtful: Mark?
  /// What was reported of it.
  var fault: DamageReport?
}

extension SealedKeystore {
  /// What is wrong with a keystore that belongs to other data, nil if it belongs to this generation.
  func misplaced(in generation: GenerationID) -> DamageReport? {
    guard identity.generation != generation else { return nil }
    return DamageReport(
      file: "keystore", reason: "it belongs to \(identity), not to generation \(generation); was a directory copied?")
  }
}

/// A keystore that somebody puts in place of the node's own, while the agent runs or before it opens.
extension AgentShell {
  /// Whether a keystore is the one that the coordinator was told of in this life of the process: what it has approved.
  func isReported(_ sealed: SealedKeystore, of id: GenerationID) -> Bool {
    guard let told = core.generation, told.id == id else { return false }
    return told.keystoreVersion == sealed.version && told.masterKeyID == sealed.masterKeyID
      && told.masterKeyCheckValue == sealed.masterKeyCheckValue.text
  }

  /// Compares the file of an open keystore with what is in memory. The node serves on with the keys it holds, and says
  /// what is wrong with the file: it would not be opened again. The file is never put right: it is evidence.
  func watchKeystore() {
    guard let opened, let keystore, keystore.isWritable else {
      keystoreWatch = KeystoreWatch()
      return
    }
    if isReplacing(keystore) { return }
    let path = directory.keystorePath(of: opened.id)
    let mark = Self.mark(of: path)
    if let mark, mark == keystoreWatch.sound { return }
    if keystoreWatch.fault != nil, mark == keystoreWatch.doubtful { return }
    guard let fault = Self.fault(of: path, beside: keystore) else {
      keystoreWatch.sound = mark
      keystoreWatch.doubtful = nil
      if let known = keystoreWatch.fault { perform(core.onKeystoreSound(known)) }
      keystoreWatch.fault = nil
      return
    }
    // A replacement of the node's own is on disk a moment before it is in memory: a second look decides.
    guard keystoreWatch.doubtful == mark else {
      keystoreWatch.doubtful = mark
      return
    }
    keystoreWatch.fault = fault
    logger.critical("the keystore's file was changed", metadata: ["reason": "\(fault.reason)"])
    perform(core.onKeystoreFault(fault))
  }

  private static func fault(of path: String, beside keystore: Keystore) -> DamageReport? {
    func report(_ text: String) -> DamageReport {
      DamageReport(
        file: "keystore", reason: "\(text), although the running node holds its keys; it would not open again")
    }
    let sealed: SealedKeystore
    do { sealed = try SealedKeystore.read(from: path) } catch { return report(error.description) }
    guard sealed.version == keystore.version, sealed.masterKeyID == keystore.masterKeyID else {
      return report(
        "the file was replaced by one of version \(sealed.version) while the agent ran at version \(keystore.version)")
    }
    return nil
  }

  private static func mark(of path: String) -> KeystoreWatch.Mark? {
    var found = stat()
    guard unsafe stat(path, &found) == 0 else { return nil }
    return KeystoreWatch.Mark(
      inode: UInt64(found.st_ino), size: Int64(found.st_size), seconds: found.st_ctim.tv_sec,
      nanoseconds: found.st_ctim.tv_nsec)
  }
}
