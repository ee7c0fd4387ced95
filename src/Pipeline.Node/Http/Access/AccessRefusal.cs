namespace Pipeline.Node.Http.Access;

/// <summary>Why a request is not answered.</summary>
internal sealed record AccessRefusal(int Status, string Code, string Cause, string NextStep);
