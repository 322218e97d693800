// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Transport

/// Which process of which node is behind which link: the link of the process's last hello, and no other.
struct NodeLinks {
  /// One process of a node.
  struct Speaker: Hashable {
    let node: NodeName
    let boot: BootID
  }

  private var routes: [Speaker: Route] = [:]
  private var speakers: [Route: Speaker] = [:]

  /// A process of a node said hello on a link; an older link of it is forgotten, and what the link was before.
  mutating func begin(_ node: NodeName, boot: BootID, on route: Route) {
    _ = end(route)
    let speaker = Speaker(node: node, boot: boot)
    if let old = routes[speaker] { speakers[old] = nil }
    routes[speaker] = route
    speakers[route] = speaker
  }

  /// A link ended; answers whose it was, nil if it was an older link or none of a node.
  mutating func end(_ route: Route) -> (NodeName, BootID)? {
    guard let speaker = speakers.removeValue(forKey: route) else { return nil }
    routes[speaker] = nil
    return (speaker.node, speaker.boot)
  }

  /// The link of a process's last hello.
  func route(to node: NodeName, boot: BootID) -> Route? { routes[Speaker(node: node, boot: boot)] }

  /// Which process of the node said hello on this link, nil if none did.
  func boot(on route: Route, of node: NodeName) -> BootID? {
    speakers[route].flatMap { $0.node == node ? $0.boot : nil }
  }

  /// Every node with a link.
  var connected: [NodeName] { Set(routes.keys.map(\.node)).sorted() }
}
