// SPDX-License-Identifier: GPL-3.0-or-later
internal import Messages
internal import Synchronization

/// A message ready to be sent: encoded already, so that what is wrong with it is the sender's to hear.
struct Outgoing: Sendable {
  /// Where it goes; nil on a link, which has one peer.
  let route: Route?
  /// The envelope's id.
  let messageID: UInt64
  /// The envelope, and the payload if there is one.
  let frames: [Frame]
  /// The size of all frames.
  let bytes: Int

  init(_ envelope: Envelope, payload: [UInt8], to route: Route?, limits: TransportLimits) throws(TransportError) {
    guard payload.count <= limits.maximumFrameBytes else {
      throw TransportError(
        .tooLarge, "a payload of \(payload.count) bytes is above the limit of \(limits.maximumFrameBytes)")
    }
    let frame: Frame
    do {
      frame = try Frame(PackedEnvelope(envelope))
    } catch let error as MessageError {
      throw TransportError(
        error.code == .tooLarge ? .tooLarge : .encoding, "a \(envelope.body.name) can't be sent: \(error)",
        underlying: error)
    } catch let error as TransportError { throw error } catch {
      throw TransportError(.encoding, "a \(envelope.body.name) can't be sent", underlying: error)
    }
    guard frame.count <= limits.maximumFrameBytes else {
      throw TransportError(.tooLarge, "a \(envelope.body.name) is above the limit of \(limits.maximumFrameBytes) bytes")
    }
    self.route = route
    messageID = envelope.messageID
    bytes = frame.count + payload.count
    frames = payload.isEmpty ? [frame] : [frame, try Frame(payload)]
  }
}

/// What waits to be sent on a link or by a listener; its limits are `TransportLimits.queuedMessages` and `queuedBytes`.
public struct OutboundLoad: Sendable, Equatable {
  /// Messages.
  public var messages: Int
  /// Their bytes.
  public var bytes: Int

  /// Makes a load of its parts.
  public init(messages: Int = 0, bytes: Int = 0) {
    self.messages = messages
    self.bytes = bytes
  }
}

/// What waits to be sent by a socket's thread; bounded, per peer and in all.
final class OutboundQueue: Sendable {
  /// How a link or listener stands for somebody who wants to send.
  enum Gate: Sendable { case open, notConnected, closed }

  private struct State: Sendable {
    var gate: Gate
    var fresh: [Outgoing] = []
    var messages = 0
    var bytes = 0
    var perPeer: [Route?: Int] = [:]
    var lastMessageID: UInt64 = 0
    var refused: UInt64 = 0
  }

  private let limits: TransportLimits
  private let wake: WakeSignal
  private let state: Mutex<State>

  init(limits: TransportLimits, wake: WakeSignal, gate: Gate) {
    self.limits = limits
    self.wake = wake
    state = Mutex(State(gate: gate))
  }

  /// Sends refused because too much waited.
  var refused: UInt64 { state.withLock { $0.refused } }

  /// What waits to be sent, messages and bytes.
  var load: OutboundLoad { state.withLock { OutboundLoad(messages: $0.messages, bytes: $0.bytes) } }

  /// Queues a message and calls the thread; answers its id, drawn here if it is 0.
  func submit(_ envelope: Envelope, payload: [UInt8], to route: Route?) throws(TransportError) -> UInt64 {
    var envelope = envelope
    try state.withLock { (state) throws(TransportError) in try admit(&state, route) }
    if envelope.messageID == 0 { envelope.messageID = drawMessageID() }
    // Encoding and copying happen outside the lock; the room is asked for again with what came meanwhile.
    let outgoing = try Outgoing(envelope, payload: payload, to: route, limits: limits)
    try state.withLock { (state) throws(TransportError) in
      try admit(&state, route, bytes: outgoing.bytes)
      state.fresh.append(outgoing)
      state.messages += 1
      state.bytes += outgoing.bytes
      state.perPeer[route, default: 0] += 1
    }
    wake.signal()
    return envelope.messageID
  }

  /// The next id of this session.
  func drawMessageID() -> UInt64 {
    state.withLock { state in
      state.lastMessageID += 1
      return state.lastMessageID
    }
  }

  private func admit(_ state: inout State, _ route: Route?, bytes: Int = 0) throws(TransportError) {
    switch state.gate {
    case .open: break
    case .notConnected: throw TransportError(.notConnected, "there is no connection now; it is being tried again")
    case .closed: throw TransportError(.closed, "the connection was closed on this side")
    }
    // A message larger than the whole queue may pass alone.
    let full =
      state.messages >= limits.queuedMessages || (state.messages > 0 && state.bytes + bytes > limits.queuedBytes)
      || state.perPeer[route, default: 0] >= limits.queuedMessagesPerPeer
    guard full else { return }
    state.refused += 1
    throw TransportError(.congested, "\(state.messages) messages wait to be sent; the peer or the network is too slow")
  }

  /// Takes what was queued since the last time, for the socket's thread; it keeps its room until `release`.
  func takeFresh() -> [Outgoing] {
    state.withLock { state in
      defer { state.fresh = [] }
      return state.fresh
    }
  }

  /// Gives a message's room back, after it was sent or given up.
  func release(_ outgoing: Outgoing) {
    state.withLock { state in
      state.messages -= 1
      state.bytes -= outgoing.bytes
      let left = state.perPeer[outgoing.route, default: 1] - 1
      state.perPeer[outgoing.route] = left > 0 ? left : nil
    }
  }

  /// Opens or shuts the gate; a closed one stays closed.
  func setGate(_ gate: Gate) {
    state.withLock { state in
      if state.gate != .closed { state.gate = gate }
    }
    wake.signal()
  }

  /// Whether sending was given up for good.
  var isClosed: Bool { state.withLock { $0.gate == .closed } }

  /// Whether messages are taken now.
  var isOpen: Bool { state.withLock { $0.gate == .open } }
}
