using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta;

namespace Pipeline.Transform.Jobs;

/// <summary>What a run computes, as it was planned, for who reads it.</summary>
/// <param name="Place">Where it lies.</param>
/// <param name="Dialect">Whose SQL it is.</param>
/// <param name="Sql">By name: <c>query</c> of Gold; <c>checked</c> and <c>latest</c> of Silver, rules and the newest row of each key.</param>
public sealed record KeptStatements(string Place, string Dialect, ImmutableSortedDictionary<string, string> Sql)
{
    /// <returns>Null: the run was planned by a release that kept none, or they are not there any more.</returns>
    /// <exception cref="PipelineException">They are not what their name says.</exception>
    public static async Task<KeptStatements?> FindAsync(Lake lake, JobPins pins, CancellationToken cancellationToken)
    {
        if (pins.Statements is not { } id) return null;
        var (path, sql) = (JobStatements.PathOf(pins.Table, id), ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal));
        if (await lake.Store.TryGetAsync(path, cancellationToken) is not { } kept) return null;
        var place = $"{lake.Store.LocationOf(path).TrimEnd('/')}/{path}";
        var statements = JobStatements.Read($"Object {place}", id, kept);
        if (statements.Sql is { } query) sql["query"] = query;
        if (statements.Silver is { } silver) (sql["checked"], sql["latest"]) = (silver.Checked, silver.Latest);
        return new KeptStatements(place, statements.Dialect, sql.ToImmutable());
    }
}
