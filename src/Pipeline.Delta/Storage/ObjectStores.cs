using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Delta.Storage;

/// <summary>Makes the store that a lake's location names.</summary>
public static class ObjectStores
{
    /// <param name="location">A directory, or <c>s3://bucket/prefix</c>.</param>
    /// <exception cref="PipelineException">The location names no bucket.</exception>
    public static IObjectStore Open(string location, S3Options s3, TimeProvider time) =>
        S3Location.IsS3(location) ? new S3ObjectStore(S3Location.Parse(location), s3, time) : new LocalObjectStore(location);

    /// <summary>Reads the section <c>lake.s3</c>, reporting every problem to the reader.</summary>
    public static S3Options BindS3(SettingsReader settings)
    {
        var byDefault = new S3Options();
        var options = new S3Options
        {
            Endpoint = HttpAddress.ReadOfAws(settings, "endpoint"),
            Region = settings.String("region", byDefault.Region),
            PathStyle = settings.Bool("path-style", byDefault.PathStyle),
            Checksums = settings.Choice<S3Checksums>("checksums", byDefault.Checksums),
            Encryption = settings.Choice<S3Encryption>("sse", byDefault.Encryption),
            KmsKey = settings.String("kms-key", byDefault.KmsKey),
            RequestTimeout = settings.Duration("request-timeout", byDefault.RequestTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10)),
            Retry = RetrySettings.Bind(settings.Section("retry"), byDefault.Retry),
            PartBytes = (int)settings.Bytes("part-bytes", byDefault.PartBytes, 5 << 20, 1 << 30),
        };
        if (options.KmsKey.Length > 0 && options.Encryption != S3Encryption.Kms) settings.Report("kms-key", "is used with sse = kms only");
        settings.Complete();
        return options;
    }
}
