using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Transform.Jobs;

/// <summary>Where the tables of a document begin that lie elsewhere than its lake: only who opens the lake can find that out.</summary>
internal static class DocumentRoots
{
    /// <exception cref="PipelineException">One lies where jobs cannot reach it, or its place cannot be found out.</exception>
    public static async ValueTask<JobDocument> OfAsync(JobDocument document, IObjectStore store, CancellationToken cancellationToken)
    {
        var roots = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var location in document.Relations.Select(relation => relation.Location).Concat(document.Outputs.Select(output => output.Location)).Distinct(StringComparer.Ordinal))
        {
            if ((await store.StoreOfAsync(location, cancellationToken)).Location is var root && root == store.Location) continue;
            if (S3Location.IsS3(root) != S3Location.IsS3(store.Location))
                throw new PipelineException(FaultKind.Invalid, $"Run {document.Run.Table}#{document.Run.Number}", $"its table {location} lies in {root} and the lake in {store.Location}, and jobs elsewhere reach only one of them",
                    $"Write engine = duckdb for {document.Run.Table}: the node reaches both.");
            roots[location] = root;
        }

        return roots.Count == 0 ? document : document with { Roots = roots.ToImmutable() };
    }
}
