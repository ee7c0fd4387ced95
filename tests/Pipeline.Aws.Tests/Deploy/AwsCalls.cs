using System.Text.RegularExpressions;
using Pipeline.Testing;

namespace Pipeline.Aws.Tests.Deploy;

/// <summary>The calls of AWS that the program can make, found in its sources, and the rights that each needs.</summary>
internal static partial class AwsCalls
{
    /// <summary>The rights of calls that are not that of their own name alone. A call of S3 that is not here is not known, and fails.</summary>
    private static readonly Dictionary<string, string[]> Rights = new(StringComparer.Ordinal)
    {
        // S3, where a key of KMS encrypts.
        ["s3:GetObject"] = ["s3:GetObject", "kms:Decrypt"],
        ["s3:GetObjectMetadata"] = ["s3:GetObject"],
        ["s3:PutObject"] = ["s3:PutObject", "kms:GenerateDataKey"],
        ["s3:InitiateMultipartUpload"] = ["s3:PutObject", "kms:GenerateDataKey"],
        ["s3:UploadPart"] = ["s3:PutObject", "kms:GenerateDataKey", "kms:Decrypt"],
        ["s3:CompleteMultipartUpload"] = ["s3:PutObject", "kms:Decrypt"],
        ["s3:DeleteObject"] = ["s3:DeleteObject"],
        ["s3:ListObjectsV2"] = ["s3:ListBucket"],
        ["s3:ListMultipartUploads"] = ["s3:ListBucketMultipartUploads"],
        ["s3:AbortMultipartUpload"] = ["s3:AbortMultipartUpload"],
        // Where a key of KMS encrypts.
        ["secretsmanager:GetSecretValue"] = ["secretsmanager:GetSecretValue", "kms:Decrypt"],
        ["ssm:GetParameter"] = ["ssm:GetParameter", "kms:Decrypt"],
        // Checked against what is asked for in them.
        ["elasticmapreduce:RunJobFlow"] = ["elasticmapreduce:RunJobFlow", "elasticmapreduce:AddTags", "elasticmapreduce:PutAutoTerminationPolicy", "elasticmapreduce:PutManagedScalingPolicy", "iam:PassRole"],
        ["elasticmapreduce:AddJobFlowSteps"] = ["elasticmapreduce:AddJobFlowSteps", "iam:PassRole"],
        ["emr-serverless:StartJobRun"] = ["emr-serverless:StartJobRun", "iam:PassRole"],
        ["cloudwatch:PutMetricAlarm"] = ["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"],
        ["cloudwatch:PutCompositeAlarm"] = ["cloudwatch:PutCompositeAlarm", "cloudwatch:TagResource"],
    };

    /// <summary>The rights that a node needs.</summary>
    public static IReadOnlySet<string> RightsOfNodes => RightsOf(CallsOf("Emr", "elasticmapreduce").Concat(CallsOf("EmrServerless", "emr-serverless")).Concat(CallsOf("Secrets", "secretsmanager", "SecretsManager*.cs")).Concat(CallsOf("Secrets", "ssm", "ParameterStore*.cs")).Concat(Metrics).Concat(S3()));

    /// <summary>The rights that somebody needs who puts dashboards and alarms.</summary>
    public static IReadOnlySet<string> RightsOfOperators => RightsOf(CallsOf("CloudWatch", "cloudwatch").Except(Metrics, StringComparer.Ordinal));

    /// <summary>Packages of AWS's SDK that the sources refer to: a client of another service would come with another one.</summary>
    public static IEnumerable<string> Packages => Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.csproj", SearchOption.AllDirectories)
        .SelectMany(project => Package().Matches(File.ReadAllText(project))).Select(found => found.Groups["name"].Value).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);

    /// <summary>Folders of the clients of our own.</summary>
    public static IEnumerable<string> Clients => Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
        .Where(file => file.EndsWith("Client.cs", StringComparison.Ordinal) && File.ReadAllText(file).Contains("new AwsCall(", StringComparison.Ordinal)).Select(file => Path.GetFileName(Path.GetDirectoryName(file)!)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);

    private static string[] Metrics => ["cloudwatch:PutMetricData"];

    private static HashSet<string> RightsOf(IEnumerable<string> calls) => calls.SelectMany(call => Rights.TryGetValue(call, out var rights) ? rights
        : call.StartsWith("s3:", StringComparison.Ordinal) ? throw new InvalidOperationException($"Nobody has said which rights {call} needs.") : [call]).ToHashSet(StringComparer.Ordinal);

    private static IEnumerable<string> CallsOf(string folder, string service, string files = "*Client*.cs") => Directory.EnumerateFiles(Path.Combine(Repository.Root, "src", "Pipeline.Aws", folder), files)
        .SelectMany(file => Operation().Matches(File.ReadAllText(file))).Select(found => $"{service}:{found.Groups["name"].Value}").Distinct(StringComparer.Ordinal);

    private static IEnumerable<string> S3() => Directory.EnumerateFiles(Path.Combine(Repository.Root, "src", "Pipeline.Delta", "Storage"), "S3*.cs")
        .SelectMany(file => S3Call().Matches(File.ReadAllText(file))).Select(found => $"s3:{found.Groups["name"].Value}");

    /// <summary>An operation's name is an argument of its own, in several words.</summary>
    [GeneratedRegex(@"[(,] ?""(?<name>[A-Z][a-z]+(?:[A-Z][a-z]+)+)""[,)]", RegexOptions.ExplicitCapture)]
    private static partial Regex Operation();

    [GeneratedRegex(@"[cC]lient\.(?<name>\w+?)Async\(", RegexOptions.ExplicitCapture)]
    private static partial Regex S3Call();

    [GeneratedRegex(@"Include=""(?<name>AWSSDK\.\w+)""", RegexOptions.ExplicitCapture)]
    private static partial Regex Package();
}
