using System.Collections.Immutable;
using Pipeline.Delta.Places;
using Pipeline.Delta.Storage;
using Pipeline.Transform.Jobs;

namespace Pipeline.EmrEmulation;

/// <summary>An object by its whole name: a path, a <c>file:</c> URI or <c>s3://bucket/key</c>.</summary>
internal sealed record Place(IObjectStore Store, string Name)
{
    public static Place Of(string uri, S3Options s3, TimeProvider time)
    {
        var slash = uri.TrimEnd('/').LastIndexOf('/');
        return new Place(Open(uri[..slash], s3, time), uri[(slash + 1)..]);
    }

    /// <summary>The store of a document's tables, which its lake knows to lie elsewhere.</summary>
    public static async ValueTask<IObjectStore> OpenTablesAsync(JobDocument document, S3Options s3, TimeProvider time, CancellationToken cancellationToken)
    {
        var home = Open(document.Root, s3, time);
        var locations = (document.Roots?.Values.Distinct(StringComparer.Ordinal) ?? []).ToImmutableSortedDictionary(root => root, root => new NamedLocation(root, root, new S3Options()), StringComparer.Ordinal);
        if (locations.IsEmpty) return home;
        var placed = new PlacedStore(home, TablePlaces.None with { Locations = locations }, location => Open(location.Address, s3, time));
        foreach (var table in document.Roots!.Keys) await placed.StoreOfAsync(table, cancellationToken);
        return placed;
    }

    /// <summary>The store of a directory.</summary>
    public static IObjectStore Open(string uri, S3Options s3, TimeProvider time) =>
        ObjectStores.Open(uri.StartsWith("file:", StringComparison.Ordinal) ? new Uri(uri).LocalPath : uri, s3, time);
}
