// SPDX-License-Identifier: GPL-3.0-or-later
internal import Logging
internal import Messages

extension LinkLoop {
  /// How many messages are taken before the outbound queue has its turn.
  private static let messagesPerTurn = 256
  /// The frames of a message: envelope, maybe a payload.
  private static let maximumFrames = 2

  /// Takes some messages and hands them on.
  func receive() {
    for _ in 0..<Self.messagesPerTurn {
      guard let frames = connection?.dealer.socket.receiveMessage(limit: Self.maximumFrames) else { return }
      guard let first = frames.first else {
        setup.counters.count(\.malformed)
        continue
      }
      do throws(MessageError) {
        let envelope = try first.takeEnvelope()
        setup.counters.count(\.received)
        take(Reply(envelope: envelope, payload: frames.count == Self.maximumFrames ? frames[1].takeBytes() : []))
      } catch {
        refuse(error)
      }
    }
  }

  private func take(_ reply: Reply) {
    switch delivery(of: reply) {
    case .delivered: break
    case .late: setup.counters.count(\.lateReplies)
    case .unknown: setup.onEvent(.message(reply.envelope, payload: reply.payload))
    }
  }

  private func delivery(of reply: Reply) -> AwaitTable<Reply>.Delivery {
    let id = reply.envelope.correlationID
    guard id != 0 else { return .unknown }
    switch reply.envelope.body {
    case .fault(let fault):
      return setup.calls.finish(id, .failure(TransportError(.fault, fault.description, fault: fault)))
    case .operatorReply(let answer) where !answer.final: return setup.calls.progress(id, reply)
    default: return setup.calls.finish(id, .success(reply))
    }
  }

  /// Counts and logs only: were faults answered with faults, two versions could do so for ever.
  private func refuse(_ error: MessageError) {
    setup.counters.count(error)
    if allowsLog("malformed") { setup.logger.warning("\(error)") }
  }
}
