using System.Collections.Immutable;
using System.Text.Json;
using Pipeline.Aws.EmrServerless;
using Pipeline.Core;
using Pipeline.Transform.Engines.Emr;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform.Tests.Engines.Emr;

/// <summary>What a job may do of what its role allows.</summary>
public sealed class ExecutionPolicySpec
{
    private const string Role = "arn:aws:iam::123456789012:role/jobs";
    private const string Program = "s3://lake/prod/_jobs/program/abc/medallion_job.py";

    [Fact]
    public void A_job_reads_the_tables_of_its_run_and_writes_what_is_its_executions()
    {
        var (policy, scope) = ExecutionPolicy.Of(Job(["silver/users", "bronze/app/users"]), Role, Program, "s3://logs/emr/");

        Assert.Equal(PolicyScope.Tables, scope);
        Assert.True(policy!.Length <= NewEmrJobRun.PolicyLengthMax);
        var reads = ResourcesOf(policy, "s3:GetObject");
        var writes = ResourcesOf(policy, "s3:PutObject");
        foreach (var read in (string[])["silver/users/part.parquet", "bronze/app/users/x-e0/part.parquet", "_jobs/silver/users/7/document-abc.json", "_jobs/program/abc/medallion_job.py"]) Assert.True(Allows(reads, $"lake/prod/{read}"), read);
        foreach (var write in (string[])["silver/users/x-e1/part.parquet", "silver/users/x-e1_$folder$", "_jobs/silver/users/7/answer-e1.json"]) Assert.True(Allows(writes, $"lake/prod/{write}"), write);
        Assert.True(Allows(writes, "logs/emr/applications/a"));
        foreach (var read in (string[])["silver/orders/part.parquet", "bronze/app/orders/a", "silver/users_too/a", "_jobs/silver/orders/1/document-a.json", "_pipeline/lake.json"]) Assert.False(Allows(reads, $"lake/prod/{read}"), read);
        foreach (var write in (string[])["silver/users/part.parquet", "silver/users/_delta_log/1.json", "silver/users/x-e2/a", "bronze/app/users/x-e1/a", "_jobs/silver/users/7/document-abc.json", "_jobs/silver/users/7/answer-e2.json", "_jobs/program/abc/medallion_job.py"])
            Assert.False(Allows(writes, $"lake/prod/{write}"), write);
        Assert.Equal(["arn:aws:s3:::lake", "arn:aws:s3:::logs"], ResourcesOf(policy, "s3:ListBucket"));
    }

    [Fact]
    public void A_table_that_lies_elsewhere_is_read_and_written_there_and_nothing_else_is()
    {
        var roots = ImmutableSortedDictionary<string, string>.Empty.Add("bronze/app/users", "s3://internal/bronze-place").Add("silver/users", "s3://clean");
        var (policy, scope) = ExecutionPolicy.Of(Job(["silver/users", "bronze/app/users"], roots: roots), Role, Program, logUri: null);

        Assert.Equal(PolicyScope.Tables, scope);
        var (reads, writes) = (ResourcesOf(policy!, "s3:GetObject"), ResourcesOf(policy!, "s3:PutObject"));
        Assert.True(Allows(reads, "internal/bronze-place/bronze/app/users/part.parquet"));
        Assert.True(Allows(writes, "clean/silver/users/x-e1/part.parquet"));
        Assert.False(Allows(reads, "lake/prod/bronze/app/users/part.parquet"));
        Assert.False(Allows(reads, "internal/bronze-place/bronze/app/orders/part.parquet"));
        Assert.False(Allows(writes, "lake/prod/silver/users/x-e1/part.parquet"));
        Assert.Equal(["arn:aws:s3:::clean", "arn:aws:s3:::internal", "arn:aws:s3:::lake"], ResourcesOf(policy!, "s3:ListBucket").Order(StringComparer.Ordinal));
        var wide = ExecutionPolicy.Of(Job([.. Enumerable.Range(0, 30).Select(i => $"silver/{new string('t', 60)}{i}")], roots: roots), Role, Program, logUri: null);
        Assert.Equal(PolicyScope.Lake, wide.Scope);
        foreach (var read in (string[])["internal/bronze-place/bronze/app/users/a", "clean/silver/users/a", "lake/prod/gold/a"]) Assert.True(Allows(ResourcesOf(wide.Policy!, "s3:GetObject"), read), read);
    }

    [Fact]
    public void Names_that_do_not_fit_widen_what_is_read_and_not_what_is_written()
    {
        var (policy, scope) = ExecutionPolicy.Of(Job([.. Enumerable.Range(0, 30).Select(i => $"silver/{new string('t', 60)}{i}")]), Role, Program, logUri: null);

        Assert.Equal(PolicyScope.Lake, scope);
        Assert.True(policy!.Length <= NewEmrJobRun.PolicyLengthMax);
        Assert.True(Allows(ResourcesOf(policy, "s3:GetObject"), "lake/prod/silver/orders/a"));
        Assert.False(Allows(ResourcesOf(policy, "s3:PutObject"), "lake/prod/silver/users/part.parquet"));
    }

    [Fact]
    public void What_does_not_fit_at_all_is_left_to_the_role() =>
        Assert.Equal((null, PolicyScope.Role), ExecutionPolicy.Of(Job(["silver/users"], root: $"s3://lake/{new string('p', 900)}"), Role, Program, logUri: null));

    [Fact]
    public void What_is_not_in_a_bucket_is_left_to_the_role() =>
        Assert.Equal((null, PolicyScope.Role), ExecutionPolicy.Of(Job(["silver/users"], root: "/lake"), Role, "/program", logUri: null));

    [Theory]
    [InlineData("arn:aws-cn:iam::123456789012:role/jobs", "arn:aws-cn:s3:::lake")]
    [InlineData("arn:aws-us-gov:iam::123456789012:role/jobs", "arn:aws-us-gov:s3:::lake")]
    public void A_bucket_is_in_the_partition_of_the_role(string role, string bucket) =>
        Assert.Equal([bucket], ResourcesOf(ExecutionPolicy.Of(Job(["silver/users"]), role, Program, logUri: null).Policy!, "s3:ListBucket"));

    private static RemoteJob Job(IReadOnlyList<string> reads, string root = "s3://lake/prod", ImmutableSortedDictionary<string, string>? roots = null)
    {
        var document = new JobDocument
        {
            Format = JobDocument.CurrentFormat,
            Dialect = "spark",
            Run = new DocumentRun(TableId.Silver("users"), 7),
            Root = root,
            Roots = roots,
            Relations = [.. reads.Select(read => new JobRelation(read.Replace('/', '.'), read, [], [new JobFile("part.parquet", 1, 1)]))],
            Outputs = [new JobOutput("silver/users", "silver/users", [])],
        };
        return new RemoteJob(new JobName("test", "lake", TableId.Silver("users"), 7, "e1"), document, $"{root}/_jobs/silver/users/7/document-abc.json", "abc", $"{root}/_jobs/silver/users/7/answer-e1.json");
    }

    private static IReadOnlyList<string> ResourcesOf(string policy, string action)
    {
        using var json = JsonDocument.Parse(policy);
        return [.. json.RootElement.GetProperty("Statement").EnumerateArray().Where(statement => statement.GetProperty("Action").EnumerateArray().Any(given => given.GetString() == action))
            .SelectMany(statement => statement.GetProperty("Resource").EnumerateArray().Select(resource => resource.GetString()!))];
    }

    /// <summary>As IAM reads it: a star stands for any signs.</summary>
    private static bool Allows(IReadOnlyList<string> resources, string key) =>
        resources.Any(resource => resource["arn:aws:s3:::".Length..] is var pattern && (pattern.EndsWith('*') ? key.StartsWith(pattern[..^1], StringComparison.Ordinal) : key == pattern));
}
