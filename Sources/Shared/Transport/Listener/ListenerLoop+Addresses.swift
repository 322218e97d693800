// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Logging

/// From where peers may connect. New connections are refused at the handshake; open ones end when the rule changes.
extension ListenerLoop {
  /// Notes where a new connection comes from, and ends it if it may not.
  func onAccepted(_ descriptor: Int32) {
    cut.remove(descriptor)
    addresses[descriptor] = PeerAddress.behind(descriptor)
    if let address = addresses[descriptor], !setup.gate.admits(address) { end(descriptor, from: address) }
  }

  /// Ends the connections that a changed rule lets in no more.
  func enforceAddresses() {
    let changes = setup.gate.changes
    guard changes != enforcedChanges else { return }
    enforcedChanges = changes
    for (descriptor, address) in addresses where !setup.gate.admits(address) { end(descriptor, from: address) }
  }

  /// Counts a refusal, and logs the first of an address in a minute.
  func noteRefusal(of address: String) {
    counters.count(\.refusedAddresses)
    guard allowsLog("address \(address)") else { return }
    setup.logger.warning(
      "refused a connection from an address that is not on the IP list; more of them in this minute are only counted",
      metadata: ["address": "\(address)"])
  }

  private func end(_ descriptor: Int32, from address: String) {
    guard cut.insert(descriptor).inserted else { return }
    noteRefusal(of: address)
    // What it has sent already is not heard any more, whenever the connection itself is gone.
    if let route = sessions.drop(descriptor: descriptor) {
      counters.count(\.disconnected)
      onDead(route)
    }
    PeerAddress.end(descriptor, from: address)
  }
}
