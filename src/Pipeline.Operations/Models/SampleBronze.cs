using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Ingest.Samples;
using Pipeline.Operations.Options;
using Pipeline.Operations.Sources;

namespace Pipeline.Operations.Models;

/// <param name="Tables">Bronze tables.</param>
public sealed record SampleBronzeRequest(IReadOnlyCollection<TableId> Tables);

/// <summary>Where the rows of a sample are from.</summary>
public enum SampleOrigin
{
    /// <summary>They were in the target's lake already.</summary>
    Target,

    /// <summary>The pipeline's own lake.</summary>
    Lake,

    /// <summary>The source.</summary>
    Source,
}

public sealed record SampledBronzeTable(TableId Table, SampleOrigin Origin, long Rows);

public sealed record SampleBronzeResult(IReadOnlyList<SampledBronzeTable> Tables);

/// <summary>Puts rows of the pipeline's Bronze tables into a target's lake: of the pipeline's own lake, which is only read, or of sources, which are only looked at.</summary>
public static class SampleBronze
{
    /// <param name="options">Of a target.</param>
    /// <param name="services">Of the target's lake.</param>
    /// <param name="production">The pipeline's own lake.</param>
    /// <param name="lake">The target's.</param>
    /// <exception cref="PipelineException">A table cannot be read.</exception>
    public static async Task<SampleBronzeResult> RunAsync(SampleBronzeRequest request, PipelineOptions options, SourceServices services, Lake production, Lake lake, CancellationToken cancellationToken)
    {
        var target = options.Target ?? throw new ArgumentException("They are the options of no target.", nameof(options));
        services = services with { Owner = new LakeOwner(options.Name, lake) };
        var tables = new List<SampledBronzeTable>();
        foreach (var table in request.Tables) tables.Add(await SampleAsync(table, target, services, production, lake, cancellationToken));
        return new SampleBronzeResult(tables);
    }

    private static async Task<SampledBronzeTable> SampleAsync(TableId table, ChosenTarget target, SourceServices services, Lake production, Lake lake, CancellationToken cancellationToken)
    {
        if (await ThereAsync(table, lake, cancellationToken) is { } there) return there;
        try
        {
            return await TakeAsync(table, target, services, production, lake, cancellationToken);
        }
        catch (PipelineException e) when (e.Kind == FaultKind.Unreachable)
        {
            // Whoever samples at the same time may have been faster.
            if (await ThereAsync(table, lake, cancellationToken) is { } meanwhile) return meanwhile;
            throw;
        }
    }

    /// <summary>Null: there are no rows yet. A table without any may have been left by a sample that was cut off.</summary>
    private static async Task<SampledBronzeTable?> ThereAsync(TableId table, Lake lake, CancellationToken cancellationToken) =>
        (await lake.TryOpenAsync(table, cancellationToken))?.Current.RowCount is > 0 and var there ? new SampledBronzeTable(table, SampleOrigin.Target, there) : null;

    private static async Task<SampledBronzeTable> TakeAsync(TableId table, ChosenTarget target, SourceServices services, Lake production, Lake lake, CancellationToken cancellationToken)
    {
        if (await production.TryOpenAsync(table, cancellationToken) is { Current.RowCount: > 0 } bronze)
            return new SampledBronzeTable(table, SampleOrigin.Lake, (await BronzeSample.OfBronzeAsync(table, bronze, lake, target.SampleRows, services.Time, cancellationToken)).Rows);
        await using var source = target.Sources.Single(definition => definition.Name == table.Source).OpenToLook(services, target.SampleRows);
        return new SampledBronzeTable(table, SampleOrigin.Source, (await BronzeSample.OfSourceAsync(source, table, lake, target.SampleRows, services.Time, cancellationToken)).Rows);
    }
}
