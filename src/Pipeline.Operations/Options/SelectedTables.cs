using Pipeline.Core;

namespace Pipeline.Operations.Options;

/// <summary>What a node that brings some tables up to date and ends has to do with which tables.</summary>
/// <param name="Wanted">Those to be brought up to date: the selected, and the Bronze table of each Silver table among them.</param>
/// <param name="Run">Also those that cannot be left out where a wanted one is read: what one split feeds.</param>
public sealed record SelectedTables(IReadOnlyList<TableId> Wanted, IReadOnlySet<TableId> Run)
{
    /// <param name="selectors">See <see cref="PipelineOptions.Selector"/>; none: all tables.</param>
    /// <exception cref="PipelineException">A selector means no table.</exception>
    public static SelectedTables Of(PipelineOptions options, IReadOnlyList<string> selectors)
    {
        var selected = options.Selector.Select(selectors);
        List<TableId> wanted = [.. selected.Select(table => options.Graph.TrySilver(table)?.From).OfType<TableId>().Concat(selected).Distinct()];
        // They are samples, which nobody reads on.
        if (options.Target is not null) wanted.RemoveAll(table => table.Layer == Layer.Bronze);
        var run = wanted.ToHashSet();
        foreach (var source in options.Sources)
        {
            var together = source.Tables.Where(table => table.IsReadWithOthers).Select(table => TableId.Bronze(source.Name, table.Name)).ToList();
            if (together.Exists(run.Contains)) run.UnionWith(together);
        }

        return new SelectedTables(wanted, run);
    }
}
