// SPDX-License-Identifier: GPL-3.0-or-later
internal import CZeroMQ
internal import ClusterModel
internal import Logging
internal import Messages

/// Answers libzmq's question whether a key may connect (ZAP, ZeroMQ RFC 27), by the allow-list and the addresses.
struct Authenticator: ~Copyable {
  /// The domain of our sockets; with a domain set, libzmq refuses everybody if nobody answers.
  static let domain = "keyfold"
  /// Where libzmq asks.
  private static let address = "inproc://zeromq.zap.01"
  /// The frames of a question for CURVE: version, id, domain, address, identity, mechanism, key.
  private static let questionFrames = 7

  let socket: Socket
  private let allowList: AllowList
  private let gate: AddressGate

  /// Has to exist before the first socket of the context listens.
  init(_ allowList: AllowList, _ gate: AddressGate, in context: SocketContext) throws(TransportError) {
    let socket = try Socket(ZMQ_REP, in: context)
    try socket.set(ZMQ_LINGER, 0)
    try socket.bind(Self.address)
    self.socket = socket
    self.allowList = allowList
    self.gate = gate
  }

  /// Answers the next question; nil if there is none. Answers what the list says of the key, nil if nobody may connect
  /// from there, and the address.
  borrowing func answerNext() -> (standing: AllowList.Standing?, address: String)? {
    guard let question = socket.receiveMessage(limit: Self.questionFrames) else { return nil }
    guard question.count == Self.questionFrames, question[0].bytes == Array("1.0".utf8),
      question[2].bytes == Array(Self.domain.utf8), question[5].bytes == Array("CURVE".utf8),
      let key = CurvePublicKey(raw: question[6].bytes)
    else {
      // libzmq itself asks; a REP socket has to answer before it hears the next question.
      reply(
        to: question.count > 1 ? question[1].bytes : [], status: "500", text: "the question is not understood",
        userID: "")
      return (.unknown, "")
    }
    let id = question[1].bytes
    let address = String(decoding: question[3].bytes, as: UTF8.self)
    guard gate.admits(address) else {
      reply(to: id, status: "300", text: "address not on the list", userID: "")
      return (nil, address)
    }
    let standing = allowList.standing(of: key)
    switch standing {
    case .known(let peer): reply(to: id, status: "200", text: "OK", userID: Credential(key: key, peer: peer).userID)
    case .revoked: reply(to: id, status: "400", text: "key revoked", userID: "")
    case .unknown: reply(to: id, status: "300", text: "key not enrolled", userID: "")
    }
    return (standing, address)
  }

  private borrowing func reply(to id: [UInt8], status: String, text: String, userID: String) {
    let parts = [Array("1.0".utf8), id, Array(status.utf8), Array(text.utf8), Array(userID.utf8), []]
    for (index, part) in parts.enumerated() {
      guard let frame = try? Frame(part) else { return }
      _ = socket.send(frame, more: index < parts.count - 1)
    }
  }
}

/// A key and whom it was enrolled as at the handshake; travels with each message as the connection's User-Id.
struct Credential: Hashable, Sendable {
  let key: CurvePublicKey
  let peer: PeerIdentity

  init(key: CurvePublicKey, peer: PeerIdentity) {
    self.key = key
    self.peer = peer
  }

  /// Reads a User-Id; nil if it is none of ours.
  init?(userID: String) {
    guard let space = userID.lastIndex(of: " "),
      let key = try? CurvePublicKey(String(userID[userID.index(after: space)...])),
      let peer = PeerIdentity(text: String(userID[..<space]))
    else { return nil }
    self.init(key: key, peer: peer)
  }

  /// The peer's text, a space, the key.
  var userID: String { "\(peer.text) \(key.text)" }
}
