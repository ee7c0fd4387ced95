using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Ingest;
using Pipeline.Transform;

namespace Pipeline.Operations.Control;

/// <summary>
/// What nodes' configurations say of each table, and which nodes leave which alone: the node that started last rules, and nobody works on a
/// table that another node does not know.
/// </summary>
internal sealed class NodeConfigurations
{
    private readonly Dictionary<string, (NodeFacts Facts, Dictionary<TableId, string> Tables)> _nodes = new(StringComparer.Ordinal);

    /// <summary>Nodes that have said all of it, or are of a release that does not.</summary>
    public IEnumerable<string> Known => _nodes.Where(node => IsWhole(node.Value)).Select(node => node.Key);

    /// <summary>Whether a node has started since it was heard of last.</summary>
    public bool IsNew(NodeFacts facts) => !_nodes.TryGetValue(facts.Node, out var node) || node.Facts.Incarnation != facts.Incarnation;

    /// <returns>Whether something was not known before.</returns>
    public bool Hear(NodeReport report)
    {
        var isNew = IsNew(report.Facts);
        if (isNew) _nodes[report.Facts.Node] = (report.Facts, []);
        var tables = _nodes[report.Facts.Node].Tables;
        var before = tables.Count;
        foreach (var table in report.Knows) tables[table.Table] = table.Print;
        return isNew || tables.Count > before;
    }

    public void Lose(string node) => _nodes.Remove(node);

    /// <param name="members">All nodes of the cluster.</param>
    /// <returns>Null: one of them has not said yet what it knows.</returns>
    public ImmutableArray<UnlikeTable>? Compare(IEnumerable<string> members)
    {
        foreach (var member in members)
            if (!_nodes.TryGetValue(member, out var node) || !IsWhole(node)) return null;
        var telling = _nodes.Values.Where(node => node.Facts.Tables is not null).ToList();
        if (telling.DistinctBy(node => node.Facts.Configuration).Count() < 2) return [];
        return [.. Compare([.. telling.Where(node => node.Facts.Roles.Contains(IngestRegistration.Role))], isBronze: true), .. Compare([.. telling.Where(node => node.Facts.Roles.Contains(TransformRegistration.Role))], isBronze: false)];
    }

    private static IEnumerable<UnlikeTable> Compare(IReadOnlyList<(NodeFacts Facts, Dictionary<TableId, string> Tables)> peers, bool isBronze)
    {
        if (peers.Count < 2) yield break;
        var newest = peers.MaxBy(peer => (peer.Facts.StartedAt, peer.Facts.Incarnation));
        foreach (var table in peers.SelectMany(peer => peer.Tables.Keys).Where(table => table.Layer == Layer.Bronze == isBronze).Distinct().Order(TableId.ByName))
        {
            var (isNew, isEverywhere) = (newest.Tables.ContainsKey(table), peers.All(peer => peer.Tables.ContainsKey(table)));
            var alone = isNew && isEverywhere ? peers.Where(peer => peer.Tables[table] != newest.Tables[table]) : peers;
            ImmutableArray<string> nodes = [.. alone.Select(peer => peer.Facts.Node).Order(StringComparer.Ordinal)];
            if (!nodes.IsEmpty) yield return new UnlikeTable(table, nodes, newest.Facts.Node, !isNew ? UnlikeReason.NotInNewest : !isEverywhere ? UnlikeReason.NotEverywhere : UnlikeReason.Otherwise);
        }
    }

    private static bool IsWhole((NodeFacts Facts, Dictionary<TableId, string> Tables) node) => node.Facts.Tables is not { } tables || node.Tables.Count >= tables;
}
