// Fabrikam's intranet with Express and Passport: customers for everyone who signed in,
// employees only after a second factor. Which login a page needs is nowhere in here: the
// sidecar is asked, by the policy that it has, and its answer is followed.
import { randomBytes, randomUUID } from "node:crypto";
import express from "express";
import session from "express-session";
import passport from "passport";
import * as oidc from "openid-client";
import { Strategy } from "openid-client/passport";
import { decide, merge } from "./stepup.js";

const settings = {
  url: process.env.APP_URL ?? "http://localhost:3000",
  issuer: process.env.ISSUER ?? "http://localhost:8090",
  clientID: process.env.CLIENT_ID ?? "app",
  clientSecret: process.env.CLIENT_SECRET ?? "fabrikam-demonstration",
  sidecar: process.env.STEPUP_URL ?? "http://127.0.0.1:8181",
  sessionSecret: process.env.SESSION_SECRET ?? randomBytes(32).toString("hex"),
};
const https = settings.url.startsWith("https:");
const ownRequest = { scope: "openid profile" };

// ---- The question -----------------------------------------------------------------

// requireMultiFactor lets a request through if the sidecar allows it, and only then. Its
// name is that of the page this example follows; what it requires is the policy's matter.
async function requireMultiFactor(req, res, next) {
  const resource = req.baseUrl + req.route.path; // the route that matched, however the address was spelt
  let answer;
  try {
    answer = await decide(settings.sidecar, { token: req.user?.idToken, action: req.method, resource });
  } catch (err) {
    console.error("asking the sidecar:", err.message, err.cause?.code ?? "");
    return tell(res, 503, "Not just now", "It cannot be decided at the moment whether you may see this. Please try again soon.");
  }
  if (answer.decision === true) {
    forgetTrips(req, resource);
    return next();
  }
  if (!navigates(req)) return challenge(res, answer);
  if (answer.outcome === "step_up") {
    forgetTrips(req, `${resource} signed-in`); // that helped
    return leave(req, res, next, `${resource} ${answer.step_up.level}`, answer.step_up.authorization_request);
  }
  if (answer.http.status === 401) return leave(req, res, next, `${resource} signed-in`, {}); // nobody, or a token that has expired
  return tell(res, 403, "This is not for you", "Signing in again would not change that.", answer);
}

// challenge answers what cannot be sent anywhere, such as a fetch (RFC 9470, section 3).
function challenge(res, answer) {
  if (answer.http.www_authenticate.length > 0) res.set("WWW-Authenticate", answer.http.www_authenticate);
  res.status(answer.http.status).json({ outcome: answer.outcome, reasons: answer.reasons });
}

const navigates = (req) => req.method === "GET" && req.accepts(["html", "json"]) === "html";

// ---- The way to the provider and back ----------------------------------------------

// leave sends the browser to the provider, once: if it was there for the very same thing
// and is back with another login, a page says that this did not help.
function leave(req, res, next, purpose, asked) {
  if (req.session.madeTrips?.includes(purpose)) {
    forgetTrips(req, purpose);
    return tell(res, 403, "Signing in again did not help", "You signed in, and this page still asks for another sign-in than your provider gave. You were not sent there again; if you open the page once more, you are.");
  }
  const { pathname, search } = new URL(req.originalUrl, settings.url); // never another host
  req.session.trip = { purpose, returnTo: pathname + search };
  passport.authenticate("provider", { leaving: true, asked, idTokenHint: req.user?.idToken })(req, res, next);
}

// forgetTrips forgets one purpose, or all those of a resource.
function forgetTrips(req, what) {
  req.session.madeTrips = req.session.madeTrips?.filter((purpose) => purpose !== what && !purpose.startsWith(`${what} `));
}

// A Provider is Passport's strategy with the sidecar's wishes in the authorization request.
class Provider extends Strategy {
  authorizationRequestParams(req, options) {
    const parameters = super.authorizationRequestParams(req, options);
    for (const [name, value] of Object.entries(merge(ownRequest, options.asked))) parameters.set(name, value);
    return parameters;
  }

  // Where the browser is going says it, and not what stands in the address.
  shouldInitiateAuthRequest(req, url, options) {
    return options.leaving === true;
  }
}

// verified keeps the person of the session: a second factor of somebody else is none.
function verified(req, tokens, done) {
  const claims = tokens.claims();
  if (req.user && req.user.subject !== claims.sub) {
    return done(null, false, { message: "Somebody else signed in at the provider. You are still signed in here as you were." });
  }
  return done(null, { subject: claims.sub, name: claims.name ?? claims.sub, idToken: tokens.id_token });
}

// comeBack ends a trip. Passport begins a new session for it, which learns what was tried.
function comeBack(req, res, next) {
  const { trip, madeTrips = [] } = req.session;
  delete req.session.trip;
  passport.authenticate("provider", (err, user, info) => {
    if (err) return refused(res, err);
    if (!user || !trip) return tell(res, 403, "You did not sign in", info?.message ?? "What was open to you still is.");
    return req.logIn(user, (failure) => {
      if (failure) return next(failure);
      req.session.madeTrips = [...new Set([...madeTrips, trip.purpose])];
      return res.redirect(303, trip.returnTo);
    });
  })(req, res, next);
}

// refused tells of a provider that says no, and of an answer that does not hold.
function refused(res, err) {
  console.error("signing in:", err.error ?? err.code ?? err.message);
  if (err.error === "unmet_authentication_requirements") {
    return tell(res, 403, "Your account cannot sign in that strongly", "Ask Fabrikam's help desk for a second factor.");
  }
  return tell(res, 502, "Signing in did not work", "The provider did not answer as it should. Nothing has changed for you.");
}

// ---- The pages ---------------------------------------------------------------------

const escaped = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

function show(res, title, html) {
  res.set({ "Content-Security-Policy": "default-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'", "Cache-Control": "no-store" });
  res.send(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<title>${escaped(title)} · Fabrikam</title>
<nav><a href="/">Home</a> <a href="/customers">Customers</a> <a href="/employees">Employees</a></nav>
<main><h1>${escaped(title)}</h1>
${html}
</main></html>
`);
}

function tell(res, status, title, text, answer) {
  const reasons = (answer?.reasons ?? []).map((reason) => `<li>${escaped(reason.message)}</li>`).join("");
  show(res.status(status), title, `<p>${escaped(text)}</p>${reasons && `<ul>${reasons}</ul>`}`);
}

const greeting = (req) => `<p>You are signed in as ${escaped(req.user.name)}.</p>`;

function newApp() {
  const app = express();
  app.disable("x-powered-by");
  if (https) app.set("trust proxy", 1); // who ends TLS stands before us
  app.use(session({
    name: https ? "__Host-fabrikam_express" : "fabrikam_express",
    secret: settings.sessionSecret, resave: false, saveUninitialized: false,
    cookie: { httpOnly: true, sameSite: "lax", secure: https },
  }));
  app.use(passport.session());

  app.get("/", (req, res) => show(res, "Fabrikam Intranet", req.user ? greeting(req) : "<p>Nobody is signed in.</p>"));
  app.get("/customers", requireMultiFactor, (req, res) => show(res, "Customers", `${greeting(req)}<ul><li>Northwind Traders</li><li>Contoso</li></ul>`));
  app.get("/employees", requireMultiFactor, (req, res) => show(res, "Employees", `${greeting(req)}<ul><li>Carol Clark, € 61 200</li></ul>`));
  app.get("/callback", comeBack);
  app.use((req, res) => tell(res, 404, "There is no such page", "Try one of those above."));
  app.use((err, req, res, next) => { // four parameters: so Express knows that this is for errors
    console.error(err);
    if (res.headersSent) return next(err);
    return tell(res, 500, "Something went wrong", "It is in the log.");
  });
  return app;
}

// ---- Start -------------------------------------------------------------------------

// The provider may be without TLS on this machine, and nowhere else.
const { protocol, hostname } = new URL(settings.issuer);
const loopback = protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
const config = await oidc.discovery(new URL(settings.issuer), settings.clientID, settings.clientSecret, undefined,
  loopback ? { execute: [oidc.allowInsecureRequests] } : undefined);

passport.use("provider", new Provider({ config, callbackURL: `${settings.url}/callback`, passReqToCallback: true }, verified));
passport.serializeUser((user, done) => done(null, user));
passport.deserializeUser((user, done) => done(null, user));

const port = Number(process.env.PORT || new URL(settings.url).port || 3000);
newApp().listen(port, "localhost", (err) => {
  if (err) throw err;
  console.log(`The intranet with Express is at ${settings.url}`);
});
