// SPDX-License-Identifier: GPL-3.0-or-later
public import Metrics

/// What is shown of links and listening sockets, by the name of what they are for.
public enum LinkMetrics {
  static let handshakes = Metric(
    .counter, "keyfold_handshakes_refused_total", labels: ["link", "reason"],
    "Connections that were refused, or refused us: a key unknown there, a revoked key, an address that is not on the "
      + "IP list, or any reason at all.")
  static let received = Metric(.counter, "keyfold_messages_received_total", labels: ["link"], "Messages that came in.")
  static let sent = Metric(.counter, "keyfold_messages_sent_total", labels: ["link"], "Messages that were sent.")
  static let dropped = Metric(
    .counter, "keyfold_messages_dropped_total", labels: ["link", "reason"],
    "Messages that were not handled: not on the list, impostor, malformed, or the peer was gone.")

  /// All that is measured here, but for the queues.
  public static let all = [handshakes, received, sent, dropped]

  /// Writes what one link or listener counted and what waits to be sent.
  public static func write(
    _ counters: TransportCounters, _ outbound: OutboundLoad, limits: TransportLimits = .control, of link: String,
    to page: inout MetricsPage
  ) {
    page.set(handshakes, counters.unknownKeys, [link, "unknown key"])
    page.set(handshakes, counters.revokedKeys, [link, "revoked key"])
    page.set(handshakes, counters.refusedAddresses, [link, "address"])
    page.set(handshakes, counters.refusedHandshakes, [link, "any"])
    page.set(received, counters.received, [link])
    page.set(sent, counters.sent, [link])
    page.set(dropped, counters.droppedUnlisted, [link, "not on the list"])
    page.set(dropped, counters.droppedImpostor, [link, "impostor"])
    page.set(
      dropped, counters.malformed &+ counters.unsupportedVersion &+ counters.unknownMessage, [link, "malformed"])
    page.set(dropped, counters.undelivered, [link, "peer gone"])
    let queue = link + " out"
    page.setQueue(queue, items: outbound.messages, limit: limits.queuedMessages)
    page.setQueue(queue, bytes: outbound.bytes, limit: limits.queuedBytes)
    page.setQueue(queue, refused: counters.congested)
  }
}
