using Amazon;

namespace Pipeline.Aws;

/// <summary>A service of AWS as the wire knows it.</summary>
/// <param name="Title">For people.</param>
/// <param name="Name">In its address, in signatures and in the names of rights.</param>
internal sealed record AwsService(string Title, string Name)
{
    public static readonly AwsService Emr = new("EMR", "elasticmapreduce");

    public static readonly AwsService EmrServerless = new("EMR Serverless", "emr-serverless");

    /// <summary>Where requests go. In GovCloud there is one address, whose cryptography is validated.</summary>
    public Uri Address(AwsSettings settings)
    {
        var fips = settings.UseFips && !settings.Region.StartsWith("us-gov-", StringComparison.Ordinal) ? "-fips" : "";
        return settings.Endpoint ?? new Uri($"https://{Name}{fips}.{settings.Region}.{RegionEndpoint.GetBySystemName(settings.Region).PartitionDnsSuffix}");
    }
}
