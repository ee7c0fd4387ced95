using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Operations.Options;

namespace Pipeline.Operations.Verification;

public sealed record VerifyLakeRequest;

/// <param name="Checks">By table, in the order in which they were made.</param>
public sealed record VerifyLakeResult(IReadOnlyList<CheckedTable> Checks)
{
    public bool IsSound => Checks.All(check => check.IsSound);
}

/// <summary>Proves from the lake alone that nothing was lost or doubled on its way. Safe beside a running pipeline.</summary>
public static class VerifyLake
{
    /// <exception cref="PipelineException">The lake cannot be read.</exception>
    public static async Task<VerifyLakeResult> RunAsync(VerifyLakeRequest request, PipelineOptions options, Lake lake, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var repeating = options.Sources.SelectMany(source => source.Tables.Where(table => table.RowsMayRepeat).Select(table => TableId.Bronze(source.Name, table.Name)));
        var verifier = new LakeVerifier(lake, options.Graph, repeating.ToHashSet());
        return new VerifyLakeResult(await verifier.VerifyAsync(cancellationToken).ToListAsync(cancellationToken));
    }
}
