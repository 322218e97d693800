// SPDX-License-Identifier: GPL-3.0-or-later
public import Messages
internal import Synchronization

extension MessageLink {
  /// The longest answer that is put together of its parts, in bytes.
  public static let maximumWholeBytes = 64 << 20

  /// Sends a request and waits for all of an answer that may be longer than a frame: its parts come in order as replies
  /// that are not final, and the final one is the last. Answers the final envelope and the payloads joined.
  ///
  /// Throws what `call` does, and `tooLarge` beyond `maximumWholeBytes`.
  public func callForWhole(
    _ envelope: Envelope, payload: [UInt8] = [], within timeout: Duration
  ) async throws(TransportError) -> Reply {
    let parts = AnswerParts()
    let last = try await call(envelope, payload: payload, within: timeout, onProgress: { parts.add($0.payload) })
    return Reply(envelope: last.envelope, payload: try parts.whole(endingWith: last.payload))
  }
}

/// The parts of one answer as they come in.
private final class AnswerParts: Sendable {
  private let state = Mutex((bytes: [UInt8](), isTooMuch: false))

  func add(_ part: [UInt8]) {
    state.withLock { state in
      state.isTooMuch = state.isTooMuch || state.bytes.count + part.count > MessageLink.maximumWholeBytes
      if !state.isTooMuch { state.bytes += part }
    }
  }

  func whole(endingWith last: [UInt8]) throws(TransportError) -> [UInt8] {
    add(last)
    let (bytes, isTooMuch) = state.withLock { $0 }
    guard !isTooMuch else {
      throw TransportError(.tooLarge, "an answer has more than \(MessageLink.maximumWholeBytes) bytes")
    }
    return bytes
  }
}
