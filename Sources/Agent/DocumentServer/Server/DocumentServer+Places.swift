// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Logging
internal import NIOCore

/// Which connections a server keeps when there are more than it has places for.
extension DocumentServer {
  /// Whether anybody can be expected to log in. Without users there is nobody to keep a place for.
  private var expectsLogins: Bool { rule.needsLogin || authentication == .on }

  /// Numbers a new connection; nil if there is no place for it. If need be it takes the place of one that is not logged
  /// in, which is closed at once, whatever it waits for.
  func place(for channel: any Channel) -> Int32? {
    guard let admitted = connections.add(channel, knowsUsers: expectsLogins) else { return nil }
    guard let evicted = admitted.evicted else { return admitted.id }
    measures.refused(.notLoggedIn)
    log(
      .notLoggedIn, of: evicted.address,
      "a connection without a login gave its place to another; more from this address in this minute are only counted")
    evicted.channel.triggerUserOutboundEvent(AddressEvent.end, promise: nil)
    return admitted.id
  }

  /// Counts a connection that is closed because there is no place for it; not one that may not connect at all.
  func noteNoPlace(for channel: any Channel) {
    guard admits(channel) else { return }
    measures.refused(.tooMany)
    log(
      .tooMany, of: channel.peerAddress,
      "connection refused: too many; more from this address in this minute are only counted")
  }

  private func log(_ reason: ServerMeasures.Refusal, of address: String?, _ what: Logger.Message) {
    let address = address ?? "unknown"
    guard connections.allowsLog(of: address, reason) else { return }
    let load = load
    logger.warning(
      what,
      metadata: [
        "address": "\(address)", "limit": "\(load.connectionLimit)", "connections": "\(load.connections)",
        "not logged in": "\(load.strangers)",
      ])
  }
}
