// SPDX-License-Identifier: GPL-3.0-or-later
internal import CWiredTiger
internal import Glibc
internal import Sealing
internal import Synchronization

/// What a connection's callbacks learn: panics, what recovery complained about, keys that were asked for in vain.
///
/// WiredTiger calls back on its own threads; the lock is held for bookkeeping only, never over a call.
final class StoreMonitor: Sendable {
  /// An error that WiredTiger reported, with what it was about.
  struct Report: Sendable {
    var thread: UInt
    var error: Int32
    var file: String?
    var text: String
  }

  fileprivate struct State {
    var isOpening = true
    var isPanicked = false
    var panicCause: Report?
    var panicCauseWasThrown = false
    var lastError: Report?
    var recoveryComplaint: Report?
    var missingKeyID: String?
  }

  /// Longest message passed on, in characters.
  static let maxMessage = 1024

  private let folder: String
  private let keys: any PageKeySource
  private let events: StoreEvents
  private let state = Mutex(State())

  init(folder: String, keys: any PageKeySource, events: StoreEvents) {
    self.folder = folder
    self.keys = keys
    self.events = events
  }

  var isPanicked: Bool { state.withLock { $0.isPanicked } }

  /// Whether the key source has a key, now.
  func hasKey(_ keyID: String) -> Bool { keys.pageCipher(forKeyID: keyID) != nil }

  /// The complaint of recovery, if any. To be asked once, when opening is over: later messages are no complaints.
  func finishOpening() -> Report? {
    state.withLock {
      $0.isOpening = false
      return $0.recoveryComplaint
    }
  }

  /// The key for WiredTiger's encryptor.
  func findKey(_ keyID: String) -> PageKey? {
    if let cipher = keys.pageCipher(forKeyID: keyID) { return PageKey(cipher, keyID: keyID) }
    state.withLock { $0.missingKeyID = keyID }
    return nil
  }

  /// Takes a message of WiredTiger.
  func onMessage(_ text: String, isError: Bool, error: Int32) {
    // A damaged block is dumped in hexadecimal, one chunk a message: that is plaintext in a store without keys.
    if text.contains(": (chunk ") { return }
    let short = String(text.prefix(Self.maxMessage))
    let report = Report(
      thread: UInt(pthread_self()), error: error, file: MessageText.file(in: short), text: MessageText.body(of: short))
    let (damage, isComplaint) = state.withLock { ($0.take(report, isError: isError), $0.complains(report)) }
    // Recovery goes on and cuts the journal, so that the next opening would find nothing wrong: it finds the mark. A
    // mark that cannot be written leaves this opening's error.
    if isComplaint { try? DamageMark(file: report.file, reason: report.text).write(to: folder) }
    events.message(short)
    if let damage { events.damage(damage) }
  }
}

extension StoreMonitor.State {
  /// Keeps the first complaint of recovery; returns whether this is it.
  fileprivate mutating func complains(_ report: StoreMonitor.Report) -> Bool {
    guard isOpening, recoveryComplaint == nil else { return false }
    guard report.text.contains("corrupted") || report.text.contains("truncated") else { return false }
    recoveryComplaint = report
    return true
  }

  /// Files a report; returns what the owner has to hear of.
  fileprivate mutating func take(_ report: StoreMonitor.Report, isError: Bool) -> StoreDamage? {
    guard isError else { return nil }
    guard report.error == WT_PANIC else {
      // The rest is chatter of a connection that goes down.
      if report.error != 0 || report.file != nil { lastError = report }
      return nil
    }
    guard !isPanicked else { return nil }
    isPanicked = true
    // The panic itself says only that the process must restart; the error before it on this thread says why.
    let cause = lastError.flatMap { $0.thread == report.thread ? $0 : nil } ?? report
    panicCause = cause
    return StoreDamage(file: cause.file ?? report.file, reason: cause.text)
  }
}

extension StoreMonitor {
  /// The error of a WiredTiger call that returned `result`; `file` is the file the call was about.
  func failure(_ result: Int32, doing: String, file: String? = nil) -> StoreError {
    if result == WT_PANIC || (isPanicked && result != WT_NOTFOUND) { return panic(result, doing: doing) }
    let (lastError, missingKeyID) = state.withLock { ($0.lastError, $0.missingKeyID) }
    let own = lastError.flatMap { $0.thread == UInt(pthread_self()) ? $0 : nil }
    let detail = Self.detail(of: result, own: own, missingKeyID: missingKeyID)
    let code = Self.code(of: result)
    let place = code == .damaged ? own?.file ?? file : file
    return StoreError(code, doing: doing, file: place, detail: detail, underlying: result)
  }

  /// The first error after a panic says what happened, those after it only that it did.
  private func panic(_ result: Int32, doing: String) -> StoreError {
    let (cause, isFirst, missingKeyID) = state.withLock { state in
      defer { state.panicCauseWasThrown = true }
      // An opening that fails does not say that it panicked.
      let cause = state.panicCause ?? state.lastError.flatMap { $0.thread == UInt(pthread_self()) ? $0 : nil }
      return (cause, !state.panicCauseWasThrown, state.missingKeyID)
    }
    let why = cause?.text ?? "the engine stopped"
    let detail = "\(why); close the store and copy the data anew from a healthy member"
    guard isFirst, let cause else {
      return StoreError(.panic, doing: doing, file: cause?.file, detail: detail, underlying: result)
    }
    if cause.text.contains("fsync") {
      return StoreError(.fsyncFailed, doing: doing, file: cause.file, detail: detail, underlying: cause.error)
    }
    if cause.error == ENOKEY {
      return StoreError(
        .missingKey, doing: doing, file: cause.file,
        detail: "the key \(missingKeyID ?? "of this file") is not there; open the store again with it",
        underlying: cause.error)
    }
    let code = cause.error == WT_PANIC ? .panic : Self.code(of: cause.error)
    let honest: StoreError.Code = [.diskFull, .io, .panic].contains(code) ? code : .damaged
    return StoreError(honest, doing: doing, file: cause.file, detail: detail, underlying: cause.error)
  }

  private static func code(of result: Int32) -> StoreError.Code {
    switch result {
    case WT_NOTFOUND: .notFound
    case WT_ROLLBACK, WT_PREPARE_CONFLICT: .conflict
    case WT_CACHE_FULL: .cacheFull
    case WT_DUPLICATE_KEY: .exists
    case WT_ERROR, WT_TRY_SALVAGE, WT_RUN_RECOVERY, EBADMSG: .damaged
    case ENOKEY: .missingKey
    case EINVAL: .invalid
    default: StoreError.system(result, doing: "").code
    }
  }

  private static func detail(of result: Int32, own: Report?, missingKeyID: String?) -> String {
    switch result {
    case EBADMSG:
      return "a page does not open under its key: it was altered, or written under another one"
    case ENOKEY:
      return "the key \(missingKeyID ?? "") is not there or was revoked"
    case WT_ROLLBACK: return "another transaction changed the row first"
    case WT_NOTFOUND: return "there is no such row"
    default:
      if let own { return own.text }
      return unsafe String(cString: wiredtiger_strerror(result))
    }
  }
}
