using Pipeline.Delta.Storage;

namespace Pipeline.EmrEmulation;

/// <summary>An object by its whole name: a path, a <c>file:</c> URI or <c>s3://bucket/key</c>.</summary>
internal sealed record Place(IObjectStore Store, string Name)
{
    public static Place Of(string uri, Uri? s3, TimeProvider time)
    {
        var slash = uri.TrimEnd('/').LastIndexOf('/');
        return new Place(Open(uri[..slash], s3, time), uri[(slash + 1)..]);
    }

    /// <summary>The store of a directory.</summary>
    public static IObjectStore Open(string uri, Uri? s3, TimeProvider time) =>
        ObjectStores.Open(uri.StartsWith("file:", StringComparison.Ordinal) ? new Uri(uri).LocalPath : uri, new S3Options { Endpoint = s3, PathStyle = s3 is not null }, time);
}
