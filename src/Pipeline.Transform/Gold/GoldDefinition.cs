using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Gold;

/// <summary>What a Gold table shall hold: all that is needed to ask its query again, wherever that is kept.</summary>
/// <param name="Sql">As it is configured.</param>
/// <param name="Columns">That the query returns.</param>
/// <param name="Fingerprint">As <see cref="JobPlanner.Fingerprint"/>.</param>
public sealed record GoldDefinition(TableId Table, string Sql, ImmutableArray<string> Key, ImmutableArray<JobColumn> Columns, long Fingerprint, ImmutableArray<GoldInput> Inputs)
{
    public static GoldDefinition Of(TransformGraph graph, GoldNode node) => new(node.Table, node.Gold.Sql, [.. node.Gold.Key], JobColumn.Of(node.Columns), JobPlanner.Fingerprint(node.Gold),
        [.. node.Inputs.Select(input => new GoldInput(input, JobColumn.Of(graph.ColumnsOf(input))))]);
}

/// <summary>A table that a query reads.</summary>
/// <param name="Columns">Those that it has as long as it does not exist.</param>
public sealed record GoldInput(TableId Table, ImmutableArray<JobColumn> Columns);
