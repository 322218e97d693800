// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Logging
internal import Messages

extension ListenerLoop {
  /// The frames of a message: route, envelope, maybe a payload.
  private static let maximumFrames = 3
  /// How many User-Ids are remembered as parsed; above it the memory starts anew.
  private static let maximumCredentials = 10_000

  /// Takes some messages and hands them on.
  func receive() {
    for _ in 0..<Self.messagesPerTurn {
      guard let frames = router.socket.receiveMessage(limit: Self.maximumFrames) else { return }
      guard frames.count >= 2 else {
        counters.count(\.malformed)
        continue
      }
      take(frames, from: Route(routingID: frames[0].bytes))
    }
  }

  private func take(_ frames: [Frame], from route: Route) {
    guard !cut.contains(frames[1].sourceDescriptor) else { return counters.count(\.droppedUnlisted) }
    guard let credential = admittedSender(of: frames[1], route: route) else { return }
    if let dead = sessions.note(route, through: frames[1].sourceDescriptor, credential: credential) { onDead(dead) }
    let envelope: Envelope
    let size = frames[1].count
    do throws(MessageError) { envelope = try frames[1].takeEnvelope() } catch {
      refuse(error, from: credential.peer, route: route)
      return
    }
    guard envelope.node == credential.peer.node else {
      counters.count(\.droppedImpostor)
      if allowsLog("impostor \(credential.peer)") {
        setup.logger.error(
          "dropped a message that speaks for another node than its key's", metadata: ["peer": "\(credential.peer)"])
      }
      let fault = Fault(code: .notAllowed, text: "the message speaks for another node than its key's")
      answer(fault, to: envelope.messageID, route)
      return
    }
    counters.count(\.received)
    let isOrder = if case .operator = credential.peer { true } else { false }
    let payload = frames.count == Self.maximumFrames ? frames[2] : nil
    let bytes = size + (payload?.count ?? 0)
    setup.onEvent(
      .message(
        Inbound(
          envelope: envelope, payload: isOrder ? [] : payload?.takeBytes() ?? [],
          order: isOrder ? payload?.takeWipedBytes() : nil, peer: credential.peer, route: route, bytes: bytes,
          address: addresses[frames[1].sourceDescriptor])))
  }

  /// Who sent a frame, if the key is still on the list as the same peer. A key that is not ends the route.
  private func admittedSender(of frame: Frame, route: Route) -> Credential? {
    let credential = frame.userID.flatMap(parsed)
    if let credential, setup.allowList.standing(of: credential.key) == .known(credential.peer) { return credential }
    counters.count(\.droppedUnlisted)
    let peer = credential?.peer.text ?? "unknown"
    if allowsLog("unlisted \(peer)") {
      setup.logger.warning("dropped a message of a key that is no longer on the list", metadata: ["peer": "\(peer)"])
    }
    if sessions.drop(route) { onDead(route) }
    return nil
  }

  private func parsed(_ userID: String) -> Credential? {
    if let known = credentials[userID] { return known }
    guard let credential = Credential(userID: userID) else { return nil }
    if credentials.count >= Self.maximumCredentials { credentials = [:] }
    credentials[userID] = credential
    return credential
  }

  private func refuse(_ error: MessageError, from peer: PeerIdentity, route: Route) {
    counters.count(error)
    if allowsLog("refused \(peer)") {
      setup.logger.warning("\(error)", metadata: ["peer": "\(peer)"])
    }
    answer(error.fault, to: error.messageID, route)
  }

  /// Tells the peer; not being able to is no further fault. Links never answer with faults, so this ends here.
  private func answer(_ fault: Fault, to messageID: UInt64, _ route: Route) {
    _ = try? queue.submit(Envelope(.fault(fault), correlationID: messageID), payload: [], to: route)
  }
}
