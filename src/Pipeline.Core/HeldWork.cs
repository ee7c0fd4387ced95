using System.Collections.Immutable;

namespace Pipeline.Core;

/// <summary>What operators want no work on, or none of its own accord.</summary>
/// <param name="Tables">One by one.</param>
/// <param name="Sources">All Bronze tables of these.</param>
/// <param name="Nodes">By host name and port: they read nothing and run no jobs.</param>
/// <param name="Scheduled">These run when they are told to, and not because their inputs have advanced.</param>
public sealed record HeldWork(ImmutableHashSet<TableId> Tables, ImmutableHashSet<string> Sources, ImmutableHashSet<string> Nodes, ImmutableHashSet<TableId> Scheduled)
{
    public static readonly HeldWork None = new([], [], [], []);

    /// <summary>Whether a table is to rest, wherever it is worked on.</summary>
    public bool Has(TableId table) => Tables.Contains(table) || (table.Source is { } source && Sources.Contains(source));
}

/// <summary>What a node has been told last of what operators want held. Thread-safe.</summary>
public sealed class Holds
{
    private volatile HeldWork _work = HeldWork.None;
    private volatile bool _isNode;

    public HeldWork Work => _work;

    /// <summary>Whether this node is to rest with all that it does.</summary>
    public bool IsNode => _isNode;

    /// <param name="node">This node's host name and port.</param>
    public void Set(HeldWork work, string node)
    {
        _work = work;
        _isNode = work.Nodes.Contains(node);
    }

    /// <summary>Whether a table is to rest here.</summary>
    public bool Has(TableId table) => _isNode || _work.Has(table);
}
