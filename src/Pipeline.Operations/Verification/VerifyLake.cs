using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Operations.Inspection;
using Pipeline.Operations.Options;

namespace Pipeline.Operations.Verification;

/// <param name="IsDeep">Every byte of every data file is read and compared with the checksum that was taken when it was written.</param>
public sealed record VerifyLakeRequest(bool IsDeep = false);

/// <param name="Lake">Where it is.</param>
/// <param name="Checks">By table, in the order in which they were made.</param>
/// <param name="OfLake">What is wrong with the lake as a whole.</param>
public sealed record VerifyLakeResult(string Lake, IReadOnlyList<CheckedTable> Checks, IReadOnlyList<Flaw> OfLake)
{
    public bool IsSound => OfLake.Count == 0 && Checks.All(check => check.IsSound);

    /// <summary>Something could not be looked at because the store did not answer: nothing is said of it.</summary>
    public bool IsCutShort => Checks.Select(check => check.Found).Concat(OfLake).Any(found => found is CannotBeRead { Fault.IsTransient: true });
}

/// <summary>Proves from the lake alone that nothing was lost or doubled on its way. Safe beside a running pipeline.</summary>
public static class VerifyLake
{
    /// <param name="configured">What is configured, asked only of a lake with tables in which no node has recorded which it shall hold; null: nothing is.</param>
    /// <exception cref="PipelineException">The lake cannot be listed.</exception>
    public static async Task<VerifyLakeResult> RunAsync(VerifyLakeRequest request, Func<PipelineOptions?> configured, Lake lake, CancellationToken cancellationToken)
    {
        var ofLake = new List<Flaw>();
        LakeTables? recorded = null;
        try
        {
            recorded = await LakeTables.TryReadAsync(lake.Store, cancellationToken);
        }
        catch (PipelineException e) when (e.Kind == FaultKind.Damaged)
        {
            ofLake.Add(new CannotBeRead(Fault.Of(e.Thing, e)));
        }

        var tables = recorded ?? (await LakeInventory.TablesAsync(lake, cancellationToken).AnyAsync(cancellationToken) && configured() is { } options ? LakeTables.Of(options) : LakeTables.None);
        var checks = await new LakeVerifier(lake, tables, request.IsDeep).VerifyAsync(cancellationToken).ToListAsync(cancellationToken);
        if (checks.TrueForAll(check => check.Found is IsNotMadeYet or FatesBalance { Bronze: 0 })) ofLake.Add(new LakeIsEmpty());
        return new VerifyLakeResult(lake.Store.Location, checks, ofLake);
    }
}
