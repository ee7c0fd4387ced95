using Amazon;

namespace Pipeline.Aws;

/// <summary>A service of AWS as the wire knows it.</summary>
/// <param name="Title">For people.</param>
/// <param name="Name">In its address and in signatures.</param>
internal sealed record AwsService(string Title, string Name)
{
    public static readonly AwsService Emr = new("EMR", "elasticmapreduce");

    public static readonly AwsService EmrServerless = new("EMR Serverless", "emr-serverless");

    public static readonly AwsService CloudWatch = new("CloudWatch", "monitoring") { Rights = "cloudwatch" };

    public static readonly AwsService SecretsManager = new("Secrets Manager", "secretsmanager");

    public static readonly AwsService ParameterStore = new("the Parameter Store", "ssm");

    /// <summary>In the names of rights.</summary>
    public string Rights { get; private init; } = Name;

    /// <summary>Where requests go. In GovCloud there is one address, whose cryptography is validated.</summary>
    public Uri Address(AwsSettings settings)
    {
        var fips = settings.UseFips && !settings.Region.StartsWith("us-gov-", StringComparison.Ordinal) ? "-fips" : "";
        return settings.Endpoint ?? new Uri($"https://{Name}{fips}.{settings.Region}.{RegionEndpoint.GetBySystemName(settings.Region).PartitionDnsSuffix}");
    }
}
