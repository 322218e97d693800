// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Transport

/// Which node is behind which link: the link of a node's last hello, and no other.
struct NodeLinks {
  private var routes: [NodeName: Route] = [:]
  private var nodes: [Route: NodeName] = [:]

  /// A node said hello on a link; an older one is forgotten.
  mutating func begin(_ node: NodeName, on route: Route) {
    if let old = routes[node] { nodes[old] = nil }
    routes[node] = route
    nodes[route] = node
  }

  /// A link ended; answers the node that is without one now, nil if it was an older link or none of a node.
  mutating func end(_ route: Route) -> NodeName? {
    guard let node = nodes.removeValue(forKey: route) else { return nil }
    routes[node] = nil
    return node
  }

  /// The link of a node's last hello.
  func route(to node: NodeName) -> Route? { routes[node] }

  /// Whether the node said hello last on this link.
  func isCurrent(_ route: Route, of node: NodeName) -> Bool { routes[node] == route }

  /// Every node with a link.
  var connected: [NodeName] { routes.keys.sorted() }
}
