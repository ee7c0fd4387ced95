using System.Net;
using System.Net.Http.Headers;
using Microsoft.Extensions.Logging;
using Pipeline.Core;

namespace Pipeline.Sources.Snowflake.Client;

/// <summary>An answer that is more than a hiccup: 200, 202, 408 or 422, and 429 for who can wait. Dispose it.</summary>
internal sealed record Answer(HttpStatusCode Status, ResponseBody Body, ResultHeader? Header) : IDisposable
{
    /// <summary>When Snowflake wants to be asked again; null: it does not say.</summary>
    public TimeSpan? RetryAfter { get; init; }

    public void Dispose() => Body.Dispose();
}

/// <summary>
/// Sends requests until they are answered: with a valid token, again after busy and broken answers, and not for long: a
/// source that is away is waited for by its reader.
/// </summary>
internal sealed class SnowflakeHttp(string source, SnowflakeSourceOptions options, HttpClient http, Tokens tokens, TimeProvider time, ILogger log)
{
    /// <summary>Tokens that a single request may use up before its refusal counts.</summary>
    private const int RenewalsMax = 2;

    /// <summary>Sends a request built by <paramref name="build"/> and reads the whole answer.</summary>
    /// <param name="thing">For errors.</param>
    /// <param name="build">
    /// Gets whether an earlier attempt may have been carried out although its answer was lost; called for each attempt.
    /// </param>
    /// <param name="isPartition">A later partition: its answer has rows and nothing else.</param>
    /// <param name="canWait">Being busy (429) is an answer: the caller comes back later, for as long as it likes.</param>
    /// <exception cref="PipelineException">Attempts are used up, or the request is refused.</exception>
    public async Task<Answer> SendAsync(string thing, Func<bool, HttpRequestMessage> build, bool isPartition, CancellationToken cancellationToken, bool canWait = false)
    {
        var mayHaveActed = false;
        var renewals = 0;
        PipelineException? unanswered = null;
        // A token that cannot be had has been asked for often enough: only this request's own failures are tried again.
        return await options.Retry.RunAsync(time, async cancel =>
        {
            while (true)
            {
                var token = await tokens.GetAsync(cancel);
                switch (await AttemptAsync(build(mayHaveActed), token, isPartition, canWait, cancel))
                {
                    case Attempt.Answered { Answer: var answer } when answer.Status is HttpStatusCode.OK or HttpStatusCode.Accepted
                        or HttpStatusCode.RequestTimeout or HttpStatusCode.UnprocessableEntity or HttpStatusCode.TooManyRequests:
                        return answer;

                    case Attempt.Answered { Answer: var refusal }:
                        refusal.Dispose();
                        if (!IsAboutToken(refusal) || ++renewals > RenewalsMax) throw SnowflakeFaults.Describe(thing, refusal.Status, refusal.Header!, options);
                        tokens.Invalidate(token);
                        log.TokenRefused(source, refusal.Header!.Code);
                        break;

                    case Attempt.Failed failed:
                        mayHaveActed |= failed.MayHaveActed;
                        throw unanswered = new PipelineException(FaultKind.Unreachable, thing, $"{options.AccountUrl.Host} cannot be used: {failed.Cause}",
                            TlsFlaw.In(failed.Exception) is { } flaw ? $"Of account-url: {flaw.NextStep}" : "Check account-url and the network path; a busy account answers again later.", failed.Exception)
                        {
                            Dependency = options.Server, RetryAfter = failed.RetryAfter,
                        };
                }
            }
        }, cancellationToken, isTransient: e => e == unanswered, onFailure: failed => log.Retrying(source, unanswered!.Cause, failed.Failures));
    }

    /// <summary>What became of one attempt.</summary>
    private abstract record Attempt
    {
        /// <summary>Whatever it says, trying the same again would not change it.</summary>
        public sealed record Answered(Answer Answer) : Attempt;

        /// <param name="MayHaveActed">The server may have carried the request out.</param>
        public sealed record Failed(string Cause, bool MayHaveActed, TimeSpan? RetryAfter = null, Exception? Exception = null) : Attempt;
    }

    private async Task<Attempt> AttemptAsync(HttpRequestMessage request, AccessToken token, bool isPartition, bool canWait, CancellationToken cancellationToken)
    {
        using var deadline = new RequestDeadline(options.RequestTimeout, time, cancellationToken);
        try
        {
            using (request)
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Value);
                request.Headers.Add("X-Snowflake-Authorization-Token-Type", tokens.Type);
                using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
                var status = (int)response.StatusCode;
                if ((status == 429 && !canWait) || status >= 500) return new Attempt.Failed($"it answers {status}", status >= 500, response.Headers.RetryAfter?.Delta);
                return new Attempt.Answered(await ReadAsync(response, isPartition, deadline.Token));
            }
        }
        catch (Exception e) when (deadline.HasPassed(e))
        {
            return new Attempt.Failed($"it did not answer within {options.RequestTimeout.TotalSeconds:0} s", MayHaveActed: true, Exception: e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException || DataFaults.Are(e))
        {
            var wasConnected = e is not HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError };
            return new Attempt.Failed(DataFaults.Cause(e), wasConnected, Exception: e);
        }
    }

    private static async Task<Answer> ReadAsync(HttpResponseMessage response, bool isPartition, CancellationToken cancellationToken)
    {
        var body = await ResponseBody.ReadAsync(response.Content, cancellationToken);
        try
        {
            // A partition that is not gzip to its end, or no JSON, is found out when its rows are read.
            return new Answer(response.StatusCode, body, isPartition && response.IsSuccessStatusCode ? null : ReadHeader(response, body))
            {
                RetryAfter = response.Headers.RetryAfter?.Delta,
            };
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    /// <summary>Proxies and gateways refuse in HTML: then the status is all there is.</summary>
    private static ResultHeader ReadHeader(HttpResponseMessage response, ResponseBody body) =>
        response.IsSuccessStatusCode || response.Content.Headers.ContentType?.MediaType == "application/json"
            ? ResultHeader.Read(body)
            : new ResultHeader(null, null, response.ReasonPhrase, null, null);

    /// <summary>An invalid or expired token, and a session that is gone or expired.</summary>
    private static bool IsAboutToken(Answer refusal) =>
        refusal is { Status: HttpStatusCode.Unauthorized, Header.Code: "390303" or "390318" or "390144" or "390198" or "390111" or "390112" or "390114" };
}
