using Pipeline.Delta;
using Pipeline.Delta.Places;
using Pipeline.Delta.Storage;

namespace Pipeline.Operations.Options;

public static class Lakes
{
    /// <summary>A lake whose tables can only lie in itself is one store.</summary>
    public static Lake Open(LakeOptions options, TimeProvider time)
    {
        var home = ObjectStores.Open(options.Location, options.S3, time);
        return new Lake(options.Places.Locations.IsEmpty && !TablePlace.MayBeAny(home) ? home : new PlacedStore(home, options.Places, location => ObjectStores.Open(location.Address, location.S3, time)), time);
    }

    /// <summary>Whether a directory's lake has tables that lie elsewhere, as far as it says so itself.</summary>
    public static bool MayHavePlaces(LakeOptions options) => !S3Location.IsS3(options.Location) && TablePlace.MayBeAny(new LocalObjectStore(options.Location));
}
