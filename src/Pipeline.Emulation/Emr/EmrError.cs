namespace Pipeline.Emulation.Emr;

/// <summary>What the service answers instead of a result.</summary>
/// <param name="code">The error's name in the service's model, or one that all services have.</param>
/// <param name="detail">The member <c>ErrorCode</c> of those that have one.</param>
public sealed class EmrError(int status, string code, string message, string? detail = null) : Exception(message)
{
    public int Status { get; } = status;

    public string Code { get; } = code;

    public string? Detail { get; } = detail;

    public static EmrError Validation(string message) => new(400, "ValidationException", message);

    /// <summary>A member that breaks the model, in the words that all services have for it.</summary>
    public static EmrError Member(object? value, string member, string constraint) =>
        Validation($"1 validation error detected: Value {(value is null ? "null" : $"'{value}'")} at '{member}' failed to satisfy constraint: {constraint}");

    public static EmrError InvalidRequest(string detail, string message) => new(400, "InvalidRequestException", message, detail);

    public static EmrError NoCluster(string id) => InvalidRequest("NoSuchCluster", $"Cluster id '{id}' is not valid.");

    public static EmrError NoStep(string id) => InvalidRequest("NoSuchStep", $"Step id '{id}' is not valid.");

    public static EmrError Throttled() => new(400, "ThrottlingException", "Rate exceeded");

    public static EmrError Internal() => new(500, "InternalServerException", "An internal error occurred while processing the request.");

    public static EmrError Unavailable() => new(503, "ServiceUnavailableException", "Service Unavailable");
}
