using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Pipeline.Aws.EmrServerless;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>How narrow a policy is.</summary>
internal enum PolicyScope
{
    /// <summary>Reads the tables of the run, writes the execution's own directories.</summary>
    Tables,

    /// <summary>Reads the whole lake, writes the execution's own directories: the tables' names do not fit.</summary>
    Lake,

    /// <summary>None: what the role allows.</summary>
    Role,
}

/// <summary>
/// What a job may do of that which its role allows: read the tables of its run, write into the directories of its execution, and
/// answer. A job that was changed on its way, or two that are mixed up, cannot touch another table.
/// </summary>
internal static class ExecutionPolicy
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <param name="roleArn">For its partition.</param>
    /// <param name="programUri">Of the program that is run.</param>
    /// <param name="logUri">Where the job's logs are put with the job's rights; null: nowhere.</param>
    /// <returns>The policy, null where there is none, and how narrow it is.</returns>
    public static (string? Policy, PolicyScope Scope) Of(RemoteJob job, string roleArn, string programUri, string? logUri)
    {
        var partition = roleArn.Split(':') is [_, { Length: > 0 } given, ..] ? given : "aws";
        foreach (var scope in (PolicyScope[])[PolicyScope.Tables, PolicyScope.Lake])
            if (Text(job, partition, programUri, logUri, scope) is { Length: <= NewEmrJobRun.PolicyLengthMax } policy) return (policy, scope);
        return (null, PolicyScope.Role);
    }

    /// <summary>Null: not all of it is in S3.</summary>
    private static string? Text(RemoteJob job, string partition, string programUri, string? logUri, PolicyScope scope)
    {
        var document = job.Document;
        var reads = scope == PolicyScope.Lake
            ? [.. (document.Roots?.Values.Distinct(StringComparer.Ordinal) ?? []).Prepend(document.Root).Select(root => $"{root}/*")]
            : document.Relations.Where(relation => !relation.Files.IsEmpty).Select(relation => relation.Location).Concat(document.Outputs.Select(output => output.Location)).Distinct(StringComparer.Ordinal).Select(location => $"{document.PlaceOf(location)}/*").ToImmutableArray();
        // A file system of Hadoop's marks directories by objects beside them.
        var writes = document.Outputs.Select(output => $"{document.PlaceOf(output.Location)}/{Jobs.JobDocument.Directory(job.Name.Execution)}*").Append(job.AnswerUri).Concat(logUri is null ? [] : [$"{logUri}*"]).ToImmutableArray();
        if (Arns(partition, [.. reads, job.DocumentUri, programUri, .. writes]) is not { } read || Arns(partition, writes) is not { } written) return null;
        var buckets = read.Select(arn => arn.Split('/')[0]).Distinct(StringComparer.Ordinal);
        return new JsonObject
        {
            ["Version"] = "2012-10-17",
            ["Statement"] = new JsonArray(
                Allow(["s3:GetObject"], read),
                Allow(["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"], written),
                Allow(["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"], buckets),
                // Which keys encrypt what is the role's business.
                Allow(["kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"], ["*"])),
        }.ToJsonString(Plain);
    }

    private static JsonObject Allow(IEnumerable<string> actions, IEnumerable<string> resources) => new()
    {
        ["Effect"] = "Allow",
        ["Action"] = new JsonArray([.. actions.Select(action => JsonValue.Create(action))]),
        ["Resource"] = new JsonArray([.. resources.Select(resource => JsonValue.Create(resource))]),
    };

    private static ImmutableArray<string>? Arns(string partition, ImmutableArray<string> uris) =>
        uris.All(uri => uri.StartsWith("s3://", StringComparison.Ordinal)) ? [.. uris.Select(uri => $"arn:{partition}:s3:::{uri["s3://".Length..]}").Distinct(StringComparer.Ordinal)] : null;
}
