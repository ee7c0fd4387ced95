using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Pipeline.Emulation.Emr;

/// <summary>A request as it comes over HTTP.</summary>
/// <param name="Path">With the query.</param>
internal sealed record EmrRequest(string Method, string Path, Func<string, string?> Header, ReadOnlyMemory<byte> Body);

internal sealed record EmrAnswer(int Status, string ContentType, string? ErrorType, byte[] Body);

/// <summary>Requests of EMR (AWS's JSON protocol 1.1) and EMR Serverless (REST) and their answers, with what goes wrong in between.</summary>
internal sealed class EmrWire(EmrService service)
{
    private const string Target = "ElasticMapReduce.";
    private const string ContentType = "application/x-amz-json-1.1";

    private const string RestContentType = "application/json";

    private static readonly TimeSpan SignatureLife = TimeSpan.FromMinutes(5);

    /// <summary>The answer; null: the connection closes without one.</summary>
    public EmrAnswer? Answer(EmrRequest request)
    {
        var operation = OperationOf(request);
        NoteCall(operation, request);
        var fault = service.Faults.Take(operation);
        switch (fault?.Kind)
        {
            case EmrFaultKind.Throttle:
                return Refuse(operation, EmrError.Throttled());
            case EmrFaultKind.InternalError:
                return Refuse(operation, EmrError.Internal());
            case EmrFaultKind.Unavailable:
                return Refuse(operation, EmrError.Unavailable());
            case EmrFaultKind.LoseRequest:
                Note("lost-answer", operation);
                return null;
            case EmrFaultKind.ActLate:
                Note("lost-answer", operation);
                ActLate(operation, request, fault.By);
                return null;
            case EmrFaultKind.LoseAnswer:
                Act(operation, request);
                Note("lost-answer", operation);
                return null;
            default:
                return Act(operation, request);
        }
    }

    private static string OperationOf(EmrRequest request) =>
        request.Header("X-Amz-Target") is { } target && target.StartsWith(Target, StringComparison.Ordinal) ? target[Target.Length..]
        : RestCall.Of(request)?.Operation ?? $"{request.Method} {request.Path}";

    private EmrAnswer Act(string operation, EmrRequest request)
    {
        try
        {
            var rest = RestCall.Of(request);
            CheckSignature(request, rest is null ? "elasticmapreduce" : "emr-serverless");
            if (rest is not null) return ActOnJobs(rest, request);
            if (request.Method != "POST" || request.Path != "/" || request.Header("X-Amz-Target") is null) throw new EmrError(400, "UnknownOperationException", "There is no such operation.");
            if (request.Header("Content-Type") is var type && type != ContentType) throw EmrMembers.Serialization($"The content type is {type}, not {ContentType}.");
            using var input = JsonDocument.Parse(request.Body.IsEmpty ? "{}"u8.ToArray() : request.Body);
            var output = service.Act(operation, input.RootElement);
            return new EmrAnswer(200, ContentType, ErrorType: null, output is null ? [] : JsonSerializer.SerializeToUtf8Bytes(output));
        }
        catch (JsonException)
        {
            return Refuse(operation, EmrMembers.Serialization("The body is not JSON."));
        }
        catch (EmrError error)
        {
            return Refuse(operation, error);
        }
    }

    /// <summary>That there is a signature for this service; whether it is right takes the caller's secret.</summary>
    private void CheckSignature(EmrRequest request, string name)
    {
        var authorization = request.Header("Authorization");
        if (authorization?.StartsWith("AWS4-HMAC-SHA256 ", StringComparison.Ordinal) != true)
            throw new EmrError(403, "MissingAuthenticationTokenException", "Missing Authentication Token");
        if (!authorization.Contains($"/{name}/aws4_request", StringComparison.Ordinal))
            throw new EmrError(403, "InvalidSignatureException", $"Credential should be scoped to correct service: '{name}'.");
        if (!DateTimeOffset.TryParseExact(request.Header("X-Amz-Date"), "yyyyMMddTHHmmssZ", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var signedAt))
            throw new EmrError(403, "IncompleteSignatureException", "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
        // A request that was held up on its way is worth nothing later.
        if ((service.Time.GetUtcNow() - signedAt).Duration() > SignatureLife)
            throw new EmrError(403, "InvalidSignatureException", $"Signature expired: {request.Header("X-Amz-Date")} is now earlier than {service.Time.GetUtcNow() - SignatureLife:yyyyMMddTHHmmssZ}");
    }

    private EmrAnswer ActOnJobs(RestCall call, EmrRequest request)
    {
        if (!request.Body.IsEmpty && request.Header("Content-Type") is var type && type != RestContentType) throw EmrMembers.Serialization($"The content type is {type}, not {RestContentType}.");
        using var input = JsonDocument.Parse(request.Body.IsEmpty ? "{}"u8.ToArray() : request.Body);
        return new EmrAnswer(200, RestContentType, ErrorType: null, JsonSerializer.SerializeToUtf8Bytes(service.Serverless.Act(call.Operation, call.Application, call.Job, call.Query, input.RootElement)));
    }

    private EmrAnswer Refuse(string operation, EmrError error)
    {
        service.Log.Add(new EmrEvent { At = service.Time.GetUtcNow(), What = "refused", Operation = operation, Error = $"{error.Code}: {error.Message}" });
        var body = new JsonObject { ["__type"] = error.Code };
        if (error.Detail is not null) body["ErrorCode"] = error.Detail;
        // Errors of the model have it with a capital letter, those of all services without.
        body[error.Code is "InvalidRequestException" or "InternalServerException" ? "Message" : "message"] = error.Message;
        return new EmrAnswer(error.Status, ContentType, error.Code, JsonSerializer.SerializeToUtf8Bytes(body));
    }

    private void ActLate(string operation, EmrRequest request, TimeSpan by)
    {
        ITimer? timer = null;
        timer = service.Time.CreateTimer(_ =>
        {
            timer?.Dispose();
            Act(operation, request);
        }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        timer.Change(by, Timeout.InfiniteTimeSpan);
    }

    /// <summary>A poll is told from its further pages, and from a question for certain steps.</summary>
    private void NoteCall(string operation, EmrRequest request)
    {
        string? TextOf(JsonElement body, string member) => body.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        string? cluster = null;
        var kind = operation;
        try
        {
            using var body = JsonDocument.Parse(request.Body.IsEmpty ? "{}"u8.ToArray() : request.Body);
            cluster = RestCall.Of(request)?.Application ?? TextOf(body.RootElement, "ClusterId") ?? TextOf(body.RootElement, "JobFlowId");
            if (TextOf(body.RootElement, "Marker") is not null) kind += " (next page)";
            else if (operation == "ListSteps" && body.RootElement.TryGetProperty("StepIds", out var ids) && ids.ValueKind == JsonValueKind.Array) kind += " (by ids)";
        }
        catch (JsonException)
        {
            // It is answered as what it is.
        }

        service.Log.Add(new EmrEvent { At = service.Time.GetUtcNow(), What = "call", Operation = kind, Cluster = cluster });
    }

    private void Note(string what, string operation) => service.Log.Add(new EmrEvent { At = service.Time.GetUtcNow(), What = what, Operation = operation });
}
