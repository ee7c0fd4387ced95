using System.Collections.Immutable;
using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Transform.Graph;

/// <summary>
/// Which tables are meant: <c>fact_sales</c>, <c>silver/users</c> or <c>tag:finance</c>, with <c>+</c> before it also all that it is made from, with
/// <c>+</c> behind it all that is made of it. Several mean all of them.
/// </summary>
/// <param name="sources">The tables that sources fill, in their order, with their tags.</param>
public sealed class TableSelector(TransformGraph graph, IReadOnlyList<(TableId Table, IReadOnlyList<string> Tags)> sources)
{
    private const string TagPrefix = "tag:";

    private readonly ImmutableArray<TableId> _all = [.. sources.Select(source => source.Table), .. graph.Tables];

    /// <summary>The tables that are meant, each after those that it is made from; without any selector all.</summary>
    /// <exception cref="PipelineException">A selector means none; the message has the nearest one.</exception>
    public IReadOnlyList<TableId> Select(IReadOnlyList<string> selectors)
    {
        var found = selectors.Count == 0 ? [.. _all] : selectors.SelectMany(Select).ToHashSet();
        var ordered = new List<TableId>();
        while (ordered.Count < found.Count)
        {
            // Silver tables refer to each other in any order of the configuration, and may do so in a circle.
            var ready = _all.Where(table => found.Contains(table) && !ordered.Contains(table)).ToList();
            ordered.Add(ready.Find(table => !Inputs(table).Any(input => input != table && ready.Contains(input))) ?? ready[0]);
        }

        return ordered;
    }

    private HashSet<TableId> Select(string selector)
    {
        var isBehind = selector.StartsWith('+');
        var isAhead = selector.EndsWith('+') && selector.Length > 1;
        var found = Named(selector, selector[(isBehind ? 1 : 0)..(isAhead ? ^1 : ^0)]).ToHashSet();
        var named = found.ToList();
        if (isBehind) Follow(found, named, Inputs);
        if (isAhead) Follow(found, named, table => _all.Where(other => Inputs(other).Contains(table)));
        return found;
    }

    private static void Follow(HashSet<TableId> found, IEnumerable<TableId> from, Func<TableId, IEnumerable<TableId>> next)
    {
        var (seen, waiting) = (new HashSet<TableId>(from), new Queue<TableId>(from));
        while (waiting.TryDequeue(out var table))
            foreach (var other in next(table).Where(seen.Add)) waiting.Enqueue(other);
        found.UnionWith(seen);
    }

    private IReadOnlyList<TableId> Named(string selector, string name)
    {
        if (name.StartsWith(TagPrefix, StringComparison.Ordinal))
        {
            var tag = name[TagPrefix.Length..];
            List<TableId> tagged = [.. _all.Where(table => TagsOf(table).Contains(tag))];
            return tagged.Count > 0 ? tagged : throw Unknown($"no table has the tag '{tag}'", tag, _all.SelectMany(TagsOf).Distinct(StringComparer.Ordinal), TagPrefix);
        }

        if (_all.FirstOrDefault(table => table.ToString() == name) is { } whole) return [whole];
        List<TableId> alike = [.. _all.Where(table => table.Name == name)];
        // Silver often has the names of Bronze, and is what people mean.
        if (alike.Exists(table => table.Layer != Layer.Bronze)) alike.RemoveAll(table => table.Layer == Layer.Bronze);
        return alike.Count switch
        {
            1 => alike,
            0 => throw Unknown("no table has that name", name, _all.Select(table => name.Contains('/', StringComparison.Ordinal) ? table.ToString() : table.Name), ""),
            _ => throw new PipelineException(FaultKind.Invalid, $"Selector '{selector}'", $"it may mean {string.Join(" or ", alike)}", $"Write {alike[0]}."),
        };

        // What is near is said as it is to be written.
        PipelineException Unknown(string cause, string wrong, IEnumerable<string> names, string prefix) => new(FaultKind.Invalid, $"Selector '{selector}'", cause,
            SettingsReader.Nearest(prefix + wrong, names.Select(one => prefix + one)) is { Length: > 1 } nearest ? nearest[2..]
                : "Write a table (silver/users, fact_sales) or tag:NAME, with + before it for what it is made from, behind it for what is made of it.");
    }

    private IReadOnlyList<TableId> Inputs(TableId table) => graph.InputsOf(table);

    private IReadOnlyList<string> TagsOf(TableId table) => graph.TrySilver(table)?.Tags ?? graph.TryGold(table)?.Gold.Tags ?? sources.First(source => source.Table == table).Tags;
}
