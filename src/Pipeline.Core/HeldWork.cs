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

    /// <summary>Of <see cref="Nodes"/> those whose work others are to do meanwhile.</summary>
    public ImmutableHashSet<string> Drained { get; init; } = [];

    /// <summary>Tables that these nodes leave alone: what their configuration says of them is not what the cluster goes by.</summary>
    public ImmutableDictionary<TableId, ImmutableHashSet<string>> Unlike { get; init; } = ImmutableDictionary<TableId, ImmutableHashSet<string>>.Empty;

    /// <summary>Nodes whose configuration has been compared with the others'; null: nobody compares any.</summary>
    public ImmutableHashSet<string>? Compared { get; init; }

    /// <summary>Whether a node may be given work on a table.</summary>
    public bool MayWork(string node, TableId table) => !Nodes.Contains(node) && Compared?.Contains(node) != false && Unlike.GetValueOrDefault(table)?.Contains(node) != true;

    /// <summary>Whether a table is to rest, wherever it is worked on.</summary>
    public bool Has(TableId table) => Tables.Contains(table) || (table.Source is { } source && Sources.Contains(source));
}

/// <summary>What a node has been told last of what operators want held, and of what others' configurations say otherwise. Thread-safe.</summary>
public sealed class Holds
{
    private volatile HeldWork _work = HeldWork.None;
    private volatile Func<bool>? _areOthers;
    private volatile bool _isNode;

    /// <summary>Tables that this node leaves alone are among those that rest.</summary>
    public HeldWork Work => _work;

    /// <summary>Whether this node is to rest with all that it does.</summary>
    public bool IsNode => _isNode;

    /// <param name="node">This node's host name and port.</param>
    public void Set(HeldWork work, string node)
    {
        _work = work.Unlike.IsEmpty ? work : work with { Tables = work.Tables.Union(work.Unlike.Where(table => table.Value.Contains(node)).Select(table => table.Key)) };
        _isNode = work.Nodes.Contains(node);
    }

    /// <summary>Has every table rest as long as there are others with whose configuration this node's has not been compared.</summary>
    public void AwaitComparison(Func<bool> areOthers) => _areOthers = areOthers;

    /// <summary>It has been compared, or nobody does so.</summary>
    public void Compared() => _areOthers = null;

    /// <summary>Whether a table is to rest here.</summary>
    public bool Has(TableId table) => _isNode || _work.Has(table) || _areOthers?.Invoke() == true;
}
