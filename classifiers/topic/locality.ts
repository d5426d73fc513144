/**
 * localityScore reads "do not send this to the cloud", "keep it on our machines", "on-premises only": words of the
 * right kinds close together, in any order, so that no fixed sentence has to be known. A hint about what the writer
 * wants; it raises caution and can never lower it, so text that pretends to it gains nothing.
 */
import { CueTable } from '../linear/cues.ts';
import type { WordList } from '../skim/word-list.ts';

const KINDS = {
  negation:
    "not,never,don't,dont,no,cannot,can't,mustn't,shouldn't,without,avoid,nicht,nie,niemals,kein,keine,keinen,pas,jamais,aucun,aucune,nunca,jamas,不要,不能,不得,禁止,请勿",
  send: 'send,sent,sending,share,shared,sharing,upload,uploaded,transmit,transmitted,forward,forwarded,leave,leaves,leaving,export,exported,expose,disclose,disclosed,route,routed,use,go,senden,schicken,gesendet,hochladen,weitergeben,verlassen,teilen,envoyer,envoyez,envoie,partager,partagez,quitter,transmettre,enviar,envies,envie,compartir,subir,salir,发送,上传,分享,外传,离开',
  outside:
    'cloud,external,externally,outside,internet,openai,anthropic,vendor,provider,providers,public api,public apis,offsite,third party,third parties,public models,hosted models,remote servers,network,perimeter,premises,building,firewall,extern,externe,externen,dritte,ausserhalb,netzwerk,nuage,exterieur,tiers,externes,nube,exterior,terceros,externo,externos,云端,外部,公网',
  keep: 'keep,keeps,stay,stays,remain,remains,process,processed,handle,handled,behalten,bleiben,bleibt,verarbeiten,verarbeite,garder,gardez,rester,reste,traiter,traitez,mantener,manten,mantenga,quedarse,procesar,procesa,保留,留在,处理',
  local:
    'local,locally,onprem,on prem,on premises,on premise,in house,our machines,our servers,our machine,our server,our network,own hardware,own servers,this machine,this device,sovereign,enclave,intranet,offline,airgapped,air gapped,private network,lokal,hausintern,unseren servern,unseren rechnern,auf unseren,localement,nos serveurs,nos machines,sur site,localmente,nuestros servidores,nuestras maquinas,本地,内网,本机',
  only: 'only,strictly,must,please,exclusively,always,nur,ausschliesslich,muss,bitte,uniquement,seulement,doit,solo,solamente,debe,unicamente,只能,必须,仅在',
} as const;
const NAMES = Object.keys(KINDS) as readonly (keyof typeof KINDS)[];
export const LOCALITY_CUES = new CueTable(Object.values(KINDS));
const [NEGATION, SEND, OUTSIDE, KEEP, LOCAL, ONLY] = NAMES.map((_, at) => at) as [
  number,
  number,
  number,
  number,
  number,
  number,
];

/** Words within which the parts of one directive stand. */
const NEAR = 12;

export function localityScore(words: WordList): number {
  // Word index of the last sighting, per kind.
  const last = new Int32Array(NAMES.length).fill(-NEAR * 2);
  let score = 0;
  for (let index = 0; index < words.cueCount; index += 1) {
    const at = words.cues[index] as number;
    const hash = words.hash[at] as number;
    const single = LOCALITY_CUES.single(hash);
    const pair = at + 1 < words.count ? LOCALITY_CUES.pair(hash, words.hash[at + 1] as number) : -1;
    if (single < 0 && pair < 0) continue;
    if (single >= 0) last[single] = at;
    if (pair >= 0) last[pair] = at;
    const near = (kind: number): boolean => at - (last[kind] as number) <= NEAR;
    if (near(NEGATION) && near(SEND) && near(OUTSIDE)) score = Math.max(score, 0.8);
    else if (near(KEEP) && near(LOCAL)) score = Math.max(score, near(ONLY) ? 0.75 : 0.5);
    else if (near(LOCAL) && near(ONLY) && at - (last[LOCAL] as number) + (at - (last[ONLY] as number)) <= 3)
      score = Math.max(score, 0.55);
  }
  return score;
}
