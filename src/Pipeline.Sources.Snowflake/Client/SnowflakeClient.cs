using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Pipeline.Core;

namespace Pipeline.Sources.Snowflake.Client;

/// <summary>A finished statement: its columns, its partitions, and the rows of the first one.</summary>
internal sealed record StatementResult(string Handle, ResultMetadata Metadata, ResponseBody First) : IDisposable
{
    public void Dispose() => First.Dispose();
}

/// <summary>
/// Snowflake's SQL API, version 2. A statement has one request id for all its attempts; those after a lost answer carry
/// <c>retry=true</c>, so that Snowflake does not execute it again.
/// </summary>
internal sealed class SnowflakeClient(SnowflakeSourceOptions options, SnowflakeMetrics metrics, SnowflakeHttp http, TimeProvider time, ILogger log, WaitWatch waits)
{
    private static readonly RetryPolicy Polls = new() { BackoffMin = TimeSpan.FromMilliseconds(20), BackoffMax = TimeSpan.FromSeconds(5) };
    private static readonly TimeSpan CancelTimeout = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Executes a statement and waits for its result. It is submitted asynchronously: its handle is known from the start,
    /// so that cancelling <paramref name="cancellationToken"/> cancels it in Snowflake too.
    /// </summary>
    /// <param name="thing">For errors.</param>
    public Task<StatementResult> ExecuteAsync(string thing, string sql, CancellationToken cancellationToken) =>
        RunAsync(thing, sql, isAsynchronous: true, cancellationToken);

    /// <summary>Executes a small query and returns its cells as text.</summary>
    public async Task<IReadOnlyList<string?[]>> QueryAsync(string thing, string sql, CancellationToken cancellationToken)
    {
        using var result = await RunAsync(thing, sql, isAsynchronous: false, cancellationToken);
        var rows = RowsOf(thing, result.First, result.Metadata.RowsOf(0));
        for (var partition = 1; partition < result.Metadata.Partitions.Count; partition++)
        {
            using var body = await PartitionAsync(thing, result.Handle, partition, cancellationToken);
            rows = [.. rows, .. RowsOf(thing, body, result.Metadata.RowsOf(partition))];
        }

        return rows;
    }

    /// <summary>The only cell of a query that has one.</summary>
    public async Task<string?> QueryCellAsync(string thing, string sql, CancellationToken cancellationToken) =>
        await QueryAsync(thing, sql, cancellationToken) is [[var cell, ..], ..] ? cell : throw Broken(thing, new JsonException("It has no row."));

    /// <summary>An answer that is none of Snowflake's.</summary>
    public static PipelineException Broken(string thing, Exception cause) =>
        new(FaultKind.Unreachable, thing, $"an answer with rows is broken: {DataFaults.Cause(cause)}", "Look for a proxy between here and Snowflake if it lasts.", cause);

    private static IReadOnlyList<string?[]> RowsOf(string thing, ResponseBody body, long count)
    {
        try
        {
            var rows = ResultHeader.Rows(body);
            return rows.Count == count ? rows : throw new JsonException($"It has {rows.Count} of {Plural.Of(count, "row")}.");
        }
        catch (JsonException e)
        {
            throw Broken(thing, e);
        }
    }

    /// <summary>Fetches the header of an answer that should have had rows.</summary>
    private static ResultHeader HeaderOf(string thing, Answer answer)
    {
        try
        {
            return answer.Header ?? ResultHeader.Read(answer.Body);
        }
        catch (JsonException e)
        {
            throw Broken(thing, e);
        }
    }

    /// <summary>Fetches a later partition of a finished statement.</summary>
    public async Task<ResponseBody> PartitionAsync(string thing, string handle, int partition, CancellationToken cancellationToken)
    {
        var answer = await AskAsync(thing, () => Get(handle, $"&partition={partition}"), isPartition: true, time.GetTimestamp(), cancellationToken);
        if (answer.Status == HttpStatusCode.OK) return answer.Body;
        using (answer) throw SnowflakeFaults.Describe(thing, answer.Status, HeaderOf(thing, answer), options);
    }

    private async Task<StatementResult> RunAsync(string thing, string sql, bool isAsynchronous, CancellationToken cancellationToken)
    {
        var requestId = Guid.NewGuid();
        var sent = time.GetTimestamp();
        using var wait = waits.Begin(thing, "a statement is not answered");
        try
        {
            var answer = await http.SendAsync(thing, isRetry => Submission(sql, isAsynchronous, requestId, isRetry), isPartition: false, cancellationToken);
            return await ResultAsync(thing, answer, sent, wait, cancellationToken);
        }
        finally
        {
            metrics.Executed(time.GetElapsedTime(sent));
        }
    }

    /// <param name="sent">When the statement was submitted.</param>
    private async Task<StatementResult> ResultAsync(string thing, Answer answer, long sent, Wait wait, CancellationToken cancellationToken)
    {
        string? running = null;
        try
        {
            for (var polls = 1; ; polls++)
            {
                if (answer is { Status: HttpStatusCode.OK, Header: { Code: ResultHeader.WholeCode, StatementHandle: { } handle, Metadata: { } metadata } })
                    return new StatementResult(handle, metadata, answer.Body);
                var header = answer.Header!;
                answer.Dispose();
                running = answer.Status == HttpStatusCode.Accepted ? header.StatementHandle : null;
                if (running is null) throw SnowflakeFaults.Describe(thing, answer.Status, header, options);
                wait.Begin($"statement {running} has not ended in warehouse {options.Warehouse}");
                // Snowflake ends it at its time limit: one of which it says later that it runs is none that anybody knows of.
                if (IsOverdue(sent))
                    throw new PipelineException(FaultKind.Unreachable, thing, $"statement {running} is said to run beyond its time limit of {options.StatementTimeout.TotalSeconds:0} s", "Look it up in Snowflake's query history if this repeats.");
                await Task.Delay(Polls.Delay(polls, Random.Shared.NextDouble()), time, cancellationToken);
                answer = await AskAsync(thing, () => Get(running, ""), isPartition: false, sent, cancellationToken);
            }
        }
        // What nobody waits for any more would go on costing.
        catch (Exception) when (running is not null)
        {
            await CancelAsync(thing, running);
            throw;
        }
    }

    /// <summary>
    /// Asks for something of a statement that Snowflake has. That the account is busy is no reason to execute it again: it is asked
    /// again until the statement's time is over.
    /// </summary>
    /// <param name="since">From when on that time counts.</param>
    private async Task<Answer> AskAsync(string thing, Func<HttpRequestMessage> build, bool isPartition, long since, CancellationToken cancellationToken)
    {
        for (var times = 1; ; times++)
        {
            var answer = await http.SendAsync(thing, _ => build(), isPartition, cancellationToken, canWait: true);
            if (answer.Status != HttpStatusCode.TooManyRequests) return answer;
            using (answer)
            {
                if (IsOverdue(since)) throw SnowflakeFaults.Describe(thing, answer.Status, answer.Header!, options);
                var pause = Polls.Delay(times, Random.Shared.NextDouble());
                await Task.Delay(answer.RetryAfter is { } wanted && wanted > pause && wanted <= options.StatementTimeout ? wanted : pause, time, cancellationToken);
            }
        }
    }

    private bool IsOverdue(long since) => time.GetElapsedTime(since) > options.StatementTimeout + options.RequestTimeout;

    /// <summary>Best effort: what is not cancelled ends at its own time limit.</summary>
    private async Task CancelAsync(string thing, string handle)
    {
        using var timeout = new CancellationTokenSource(CancelTimeout, time);
        var failure = await Background.FailureAsync(async _ =>
        {
            using var answer = await http.SendAsync(thing,
                _ => Request(HttpMethod.Post, $"api/v2/statements/{handle}/cancel?requestId={Guid.NewGuid()}"), isPartition: false, timeout.Token);
        }, CancellationToken.None);
        if (failure is not null) log.NotCancelled(handle, failure.Message);
    }

    private HttpRequestMessage Submission(string sql, bool isAsynchronous, Guid requestId, bool isRetry)
    {
        var request = Request(HttpMethod.Post, $"api/v2/statements?requestId={requestId}{(isAsynchronous ? "&async=true" : "")}{(isRetry ? "&retry=true" : "")}");
        request.Content = JsonContent.Create(new Dictionary<string, object>(StringComparer.Ordinal)
        {
            ["statement"] = sql,
            ["timeout"] = (long)options.StatementTimeout.TotalSeconds,
            ["database"] = options.Database,
            ["schema"] = options.Schema,
            ["warehouse"] = options.Warehouse,
            ["role"] = options.Role,
        });
        return request;
    }

    private HttpRequestMessage Get(string handle, string more) =>
        Request(HttpMethod.Get, $"api/v2/statements/{Uri.EscapeDataString(handle)}?requestId={Guid.NewGuid()}{more}");

    private HttpRequestMessage Request(HttpMethod method, string path)
    {
        var request = new HttpRequestMessage(method, new Uri(options.AccountUrl, path));
        request.Headers.Accept.ParseAdd("application/json");
        request.Headers.AcceptEncoding.ParseAdd("gzip");
        request.Headers.UserAgent.ParseAdd("pipeline/1.0");
        return request;
    }
}
